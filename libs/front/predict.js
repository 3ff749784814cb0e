// A prediction: a number, a choice or a sketched curve, committed before the result is there.
//
// `mount` puts it into an element of any page; no kernel is needed. A question has a `text` and,
// for a choice, `choices`; for a curve its `places` (where on the x axis), `low` and `high` of the
// y axis and `labels` of both; for a number perhaps a `unit`. `commit` is told each prediction: a
// number, the choice's text, or the curve's y at each place. The last one before the answer counts.

const [WIDTH, HEIGHT, MARGIN] = [420, 240, 36]; // of a sketch, in its own units
const STEPS = 40; // of an arrow key from low to high

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Read a number as people write it: 1,812 and −0.1 and 92 %; NaN if it is none. */
function readNumber(text) {
  const plain = text.replaceAll("−", "-").replace(/[\s_%]/g, "");
  const thousands = /^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(plain);
  return plain === "" ? NaN : Number(thousands ? plain.replaceAll(",", "") : plain.replace(",", "."));
}

const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

/** A curve through sliders, one at each place: by arrow keys, or drawn with the pointer. */
function sketch({ places, low, high, labels }, said) {
  const svg = (name, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const values = said ? [...said] : places.map(() => (low + high) / 2);
  const [first, last] = [places[0], places.at(-1)];
  const across = (k) => MARGIN + ((places[k] - first) / (last - first)) * (WIDTH - 2 * MARGIN);
  const down = (y) => HEIGHT - MARGIN - ((y - low) / (high - low)) * (HEIGHT - 2 * MARGIN);
  const ground = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "predict-sketch", role: "group",
    "aria-label": `${labels[1]} against ${labels[0]}: arrow keys left and right go from place to `
      + "place, up and down move the curve there.",
  });
  const at = (x, y, text, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, text);
  const line = svg("polyline", { class: "predict-line" });
  ground.append(
    svg("rect", { x: MARGIN, y: MARGIN, width: WIDTH - 2 * MARGIN, height: HEIGHT - 2 * MARGIN,
      class: "predict-frame" }),
    at(MARGIN, HEIGHT - MARGIN + 18, short(first)),
    at(WIDTH - MARGIN, HEIGHT - MARGIN + 18, short(last)),
    at(WIDTH / 2, HEIGHT - MARGIN + 18, labels[0]),
    at(MARGIN - 5, HEIGHT - MARGIN, short(low), "end"),
    at(MARGIN - 5, MARGIN + 5, short(high), "end"),
    at(MARGIN, MARGIN - 10, labels[1], "start"), line,
  );
  let drawn = Boolean(said);
  const handles = places.map((x, k) => {
    const handle = svg("circle", { r: 6, role: "slider", tabindex: k ? -1 : 0,
      "aria-label": `${labels[1]} at ${labels[0]} ${short(x)}`, "aria-orientation": "vertical",
      "aria-valuemin": low, "aria-valuemax": high });
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
      const next = { ArrowRight: k + 1, ArrowLeft: k - 1 }[event.key];
      if (way) set(k, values[k] + (way * (high - low)) / STEPS);
      else if (event.key === "Home") set(k, low);
      else if (event.key === "End") set(k, high);
      else if (handles[next]) handles[next].focus();
      else return;
      event.preventDefault();
    });
    handle.addEventListener("focus", () => handles.forEach((other, j) => {
      other.setAttribute("tabindex", j === k ? 0 : -1);
    }));
    return handle;
  });
  ground.append(...handles);
  const paint = () => {
    line.setAttribute("points", values.map((y, k) => `${across(k)},${down(y)}`).join(" "));
    handles.forEach((handle, k) => {
      handle.setAttribute("cx", across(k));
      handle.setAttribute("cy", down(values[k]));
      handle.setAttribute("aria-valuenow", short(values[k]).replace("−", "-"));
    });
  };
  function set(k, y) {
    values[k] = Math.min(high, Math.max(low, y));
    drawn = true;
    paint();
  }
  let from = null; // where the pointer was, as [place, y]
  const follow = (event) => {
    const box = ground.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    const y = ((event.clientY - box.top) / box.height) * HEIGHT;
    const value = low + ((HEIGHT - MARGIN - y) / (HEIGHT - 2 * MARGIN)) * (high - low);
    const gaps = places.map((_, k) => Math.abs(across(k) - x));
    const k = gaps.indexOf(Math.min(...gaps));
    const [start, before] = from ?? [k, value];
    const steps = Math.max(1, Math.abs(k - start)); // a fast hand skips places
    for (let i = 1; i <= steps; i++)
      set(Math.round(start + ((k - start) * i) / steps), before + ((value - before) * i) / steps);
    from = [k, value];
  };
  ground.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0 || ground.classList.contains("predict-locked")) return;
    event.preventDefault();
    ground.setPointerCapture(event.pointerId);
    follow(event);
  });
  ground.addEventListener("pointermove", (event) => { if (from) follow(event); });
  for (const lifted of ["pointerup", "pointercancel", "lostpointercapture"])
    ground.addEventListener(lifted, () => { from = null; });
  paint();
  const lock = () => {
    ground.classList.add("predict-locked");
    for (const handle of handles) {
      handle.removeAttribute("tabindex");
      handle.setAttribute("aria-disabled", "true");
    }
  };
  return { parts: [ground], lock, read: () => (drawn ? [...values] : null),
    ask: "Draw your curve first.", words: "a curve" };
}

function choice({ choices }, said) {
  const group = `predict-${Math.random().toString(36).slice(2)}`;
  const inputs = choices.map((value) => element("input", {
    type: "radio", name: group, value, checked: value === said,
  }));
  const parts = inputs.map((input, k) => element("label", {}, input,
    element("span", {}, choices[k])));
  return { parts, lock: () => inputs.forEach((input) => { input.disabled = true; }),
    read: () => inputs.find((input) => input.checked)?.value ?? null, ask: "Choose one first." };
}

function number({ unit }, said) {
  const input = element("input", { type: "text", inputMode: "decimal", autocomplete: "off",
    value: said ?? "" });
  const read = () => {
    const value = readNumber(input.value);
    return Number.isFinite(value) ? value : null;
  };
  return { parts: [element("label", {}, "Your number: ", input, unit ? ` ${unit}` : "")], read,
    lock: () => { input.disabled = true; }, ask: "Type a number first, such as 0.25." };
}

export function mount(place, { question, said = null, locked = false, commit }) {
  const kind = question.choices ? choice : question.places ? sketch : number;
  const { parts, read, lock, ask, words } = kind(question, said);
  const says = element("p", { className: "predict-says", role: "status" });
  const button = element("button", {}, "Commit");
  const form = element("form", { className: "predict" },
    element("fieldset", {}, element("legend", {}, element("b", {}, "Predict first. "),
      question.text), ...parts), button, says);
  form.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys to us
  const name = (value) => words ?? `${typeof value === "number" ? String(value).replace("-", "−")
    : value}${typeof value === "number" && question.unit ? ` ${question.unit}` : ""}`;
  const tell = (text) => {
    says.replaceChildren();
    setTimeout(() => says.replaceChildren(text), 50); // or the same words are not read out again
  };
  let state = locked ? "locked" : "open";
  function close() {
    state = "locked";
    lock();
    button.hidden = true;
    tell(said === null ? "Answered below; you had not committed. Run this cell again to predict."
      : `Answered below. You said ${name(said)}.`);
  }
  function send() {
    if (state === "locked") return;
    const value = read();
    if (value === null) return void tell(ask);
    said = value;
    commit(value);
    tell(`Committed: ${name(value)}. You may change it until the answer.`);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation(); // arrow keys and letters are the form's, not the notebook's round it
    if (event.key === "Escape") form.closest(".jp-Cell")?.focus();
    if (event.key !== "Enter" || event.target === button) return;
    event.preventDefault();
    send();
    if (!event.shiftKey) return;
    // Shift and Enter commit, and go on as they do elsewhere in a notebook
    const cell = form.closest(".jp-Cell");
    cell?.focus();
    cell?.dispatchEvent(new KeyboardEvent("keydown", {
      key: "Enter", code: "Enter", keyCode: 13, shiftKey: true, bubbles: true, cancelable: true,
    }));
  });
  place.append(form);
  if (state === "locked") close();
  else if (said !== null) tell(`Committed: ${name(said)}. You may change it until the answer.`);
  return { close };
}

// In a notebook the kernel's model keeps what was said, and says when it is answered.
export default {
  render({ model, el }) {
    const form = mount(el, {
      question: model.get("question"),
      said: model.get("said"),
      locked: model.get("locked"),
      commit(value) {
        model.set("said", value);
        model.save_changes();
      },
    });
    const close = () => { if (model.get("locked")) form.close(); };
    model.on("change:locked", close);
    return () => model.off("change:locked", close);
  },
};
