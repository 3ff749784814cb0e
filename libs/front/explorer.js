// The latent explorer: a marker on a plane, and beside it what its place is decoded to.
//
// `mount` puts it into an element of any page; no kernel is needed. `decode([x, y])` is asked after
// each move. It returns an answer, or a promise of one, or nothing and calls `show` later. An
// answer is {seen, height, width}, the greys (0 to 255) row by row; or {error}, a text. `place` in it
// says of which point it is, if the marker may have moved on.
// `plane` is {src, alt, left, top, side: [width, height], low, high}: a picture, where in it the
// plane lies, as shares of the picture's width and height, and the numbers at the plane's ends.

const STEP = 0.1; // of an arrow key
const PATIENCE = 5000; // milliseconds without an answer until the learner is told
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const field = (name, { low, high }) => `
  <label>${name} <input type="number" min="${low}" max="${high}" step="${STEP}" value="0"></label>`;

const html = (id, plane) => `
  <p class="latent-explorer-keys" id="${id}-keys">Drag the marker, or press Tab and use the arrow
    keys (with Shift further): what is that point decoded to?</p>
  <div class="latent-explorer-plane" tabindex="0" role="application"
    aria-label="The latent plane" aria-describedby="${id}-keys">
    <img class="latent-explorer-map" src="${plane.src}" draggable="false">
    <span class="latent-explorer-marker"></span>
  </div>
  <div class="latent-explorer-side">
    <p class="latent-explorer-code" role="status"></p>
    <canvas class="latent-explorer-seen" role="img" aria-label="Nothing is decoded yet"></canvas>
    <p class="latent-explorer-error" role="alert"></p>
    <p class="latent-explorer-fields">${field("x", plane)} ${field("y", plane)}</p>
  </div>`;

export function mount(element, { plane, decode }) {
  const { low, high, left, top, side } = plane;
  const root = document.createElement("div");
  root.className = "latent-explorer";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys to us
  root.innerHTML = html(`latent-explorer-${Math.random().toString(36).slice(2)}`, plane);
  element.append(root);
  const part = (name) => root.querySelector(`.latent-explorer-${name}`);
  const fields = [...root.querySelectorAll("input")];
  const ground = part("plane");
  part("map").alt = plane.alt;

  let code = [0, 0];
  let asked = null; // the code that decode was given last, as text
  let held = false;
  let soon, late;

  function paint() {
    const [across, up] = code.map((value) => (value - low) / (high - low));
    part("marker").style.left = `${100 * (left + across * side[0])}%`;
    part("marker").style.top = `${100 * (top + (1 - up) * side[1])}%`;
    fields.forEach((input, axis) => {
      if (input !== document.activeElement || Number(input.value) !== code[axis])
        input.value = code[axis];
    });
  }

  function go(to) {
    code = to.map((value) => Math.round(100 * Math.min(high, Math.max(low, value))) / 100);
    paint();
    soon ??= setTimeout(ask, 15); // all moves that have come by then, at once
  }

  async function ask() {
    soon = undefined;
    asked = JSON.stringify(code);
    clearTimeout(late);
    late = setTimeout(() => {
      part("code").textContent = "No answer yet. If none comes, run this cell again.";
    }, PATIENCE);
    const from = code;
    let answer;
    try {
      answer = await decode(from);
    } catch (error) {
      answer = { error: String(error) };
    }
    if (answer) tell(from, answer);
  }

  function tell(from, { seen, height, width, error = "" }) {
    clearTimeout(late);
    part("error").textContent = error;
    if (error) return;
    const place = `(${from.map((value) => value.toFixed(2)).join(", ")})`.replaceAll("-", "−");
    part("code").textContent = `Decoded from ${place}`;
    const picture = part("seen");
    Object.assign(picture, { width, height, ariaLabel: `What ${place} is decoded to` });
    const pixels = new ImageData(width, height);
    seen.forEach((grey, k) => pixels.data.set([grey, grey, grey, 255], 4 * k));
    picture.getContext("2d").putImageData(pixels, 0, 0);
  }

  /** Show a place and its answer; a hand that has moved on meanwhile is left where it is. */
  function show(place, answer) {
    if (JSON.stringify(place) !== asked && !held) {
      clearTimeout(soon);
      soon = undefined;
      asked = JSON.stringify(place);
      code = place;
      paint();
    }
    tell(answer.place ?? place, answer);
  }

  function follow(event) {
    const box = ground.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width - left) / side[0];
    const below = ((event.clientY - box.top) / box.height - top) / side[1];
    go([across, 1 - below].map((share) => low + share * (high - low)));
  }

  ground.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    ground.focus({ preventScroll: true });
    ground.setPointerCapture(event.pointerId);
    held = true;
    follow(event);
  });
  ground.addEventListener("pointermove", (event) => { if (held) follow(event); });
  for (const lifted of ["pointerup", "pointercancel", "lostpointercapture"])
    ground.addEventListener(lifted, () => { held = false; });

  ground.addEventListener("keydown", (event) => {
    if (!(event.key in MOVES) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const way = MOVES[event.key];
    const step = STEP * (event.shiftKey ? 5 : 1);
    go(code.map((value, axis) => value + step * way[axis]));
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") root.closest(".jp-Cell")?.focus(); // back to the notebook round it
    else event.stopPropagation();
  });
  fields.forEach((input, axis) => input.addEventListener("input", () => {
    if (input.value === "") return; // not a number yet, such as a lone minus
    go(code.map((value, k) => (k === axis ? Number(input.value) : value)));
  }));
  return { show };
}

// In a notebook the kernel's model is what decodes: it answers a change of the place.
export default {
  render({ model, el }) {
    const explorer = mount(el, {
      plane: model.get("plane"),
      decode(place) {
        model.set("place", place);
        model.save_changes();
      },
    });
    const show = () => explorer.show(model.get("place"), model.get("answer"));
    show();
    model.on("change:answer", show);
    return () => model.off("change:answer", show);
  },
};
