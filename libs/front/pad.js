// The digit pad: a square to draw on, and beside it what a network makes of the drawing.
//
// `mount` puts it into an element of any page; no kernel is needed. `predict(strokes)` is asked
// after each move: strokes are lists of points [x, y], shares of the square's side from its upper
// left corner. It returns an answer, or a promise of one, or nothing and calls `show` later.
// An answer is {seen, probabilities}: the 784 greys (0 to 255) that the network saw, and its ten
// numbers, or null for an empty square; or {error}, a text. With `names`, what several networks are
// called, `probabilities` has ten numbers for each.

const SIDE = 280; // of the square, in pixels of the canvas
const PEN = 22; // width of a line
const STEP = 0.04; // of an arrow key, a share of the side
const PATIENCE = 5000; // milliseconds without an answer until the learner is told
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const list = (name) => `
  <div>
    ${name ? `<p>${name}</p>` : ""}
    <ul class="digit-pad-bars" aria-label="How sure ${name || "it"} is of each digit"></ul>
  </div>`;

const html = (id, names) => `
  <div>
    <p id="${id}-name">Draw a digit here</p>
    <div class="digit-pad-square">
      <canvas class="digit-pad-canvas" width="${SIDE}" height="${SIDE}" tabindex="0"
        role="application" aria-labelledby="${id}-name" aria-describedby="${id}-keys"></canvas>
      <span class="digit-pad-pen" hidden></span>
    </div>
    <p class="digit-pad-buttons">
      <button type="button" class="digit-pad-clear">Clear</button>
      <button type="button" class="digit-pad-show">Draw one for me</button>
    </p>
    <p class="digit-pad-keys" id="${id}-keys">By keyboard: arrow keys move the pen (with Shift
      further), Space puts it down or lifts it, Escape or Delete clears.</p>
    <p class="digit-pad-where" role="status"></p>
  </div>
  <div>
    <p>What the network sees</p>
    <canvas class="digit-pad-seen" width="28" height="28" role="img"
      aria-label="The drawing in 28 by 28 pixels"></canvas>
  </div>
  <div class="digit-pad-answer">
    <div class="digit-pad-lists">${names.map(list).join("")}</div>
    <p class="digit-pad-says" role="status"></p>
    <p class="digit-pad-error" role="alert"></p>
  </div>`;

export function mount(element, { predict, recorded = [], names }) {
  const id = `digit-pad-${Math.random().toString(36).slice(2)}`;
  const root = document.createElement("div");
  root.className = "digit-pad";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys to us
  root.innerHTML = html(id, names ?? [""]);
  element.append(root);
  const part = (name) => root.querySelector(`.digit-pad-${name}`);
  const canvas = part("canvas");
  const brush = canvas.getContext("2d");

  let strokes = [];
  let mine = false; // drawn by this hand? Else its first stroke begins anew
  let down = false; // does the pen touch?
  let pen = [0.5, 0.5]; // where the keyboard's pen is
  let asked = null; // the strokes that predict was given last, as text
  let next = 0; // of the recorded digits
  let soon, late;

  // --- drawing ---

  function paint() {
    brush.fillStyle = "black";
    brush.fillRect(0, 0, SIDE, SIDE);
    brush.fillStyle = brush.strokeStyle = "white";
    brush.lineWidth = PEN;
    brush.lineCap = brush.lineJoin = "round";
    for (const stroke of strokes) {
      brush.beginPath();
      for (const [x, y] of stroke) brush.lineTo(x * SIDE, y * SIDE);
      if (stroke.length === 1) brush.lineTo(stroke[0][0] * SIDE, stroke[0][1] * SIDE);
      brush.stroke();
    }
  }

  function begin(point) {
    if (!mine) strokes = [];
    mine = down = true;
    strokes.push([point]);
    changed();
  }

  function go(point) {
    strokes.at(-1).push(point);
    changed();
  }

  function replace(others, own) {
    strokes = structuredClone(others);
    mine = own;
    down = false;
    changed();
  }

  // --- asking and telling ---

  function changed() {
    paint();
    soon ??= setTimeout(ask, 30); // all moves that have come by then, at once
  }

  async function ask() {
    soon = undefined;
    asked = JSON.stringify(strokes);
    clearTimeout(late);
    late = setTimeout(() => {
      part("says").textContent = "No answer yet. If none comes, run this cell again.";
    }, PATIENCE);
    let answer;
    try {
      answer = await predict(JSON.parse(asked));
    } catch (error) {
      answer = { error: String(error) };
    }
    if (answer) tell(answer);
  }

  function tell({ seen, probabilities, error = "" }) {
    clearTimeout(late);
    part("error").textContent = error;
    if (error) return;
    const pixels = new ImageData(28, 28);
    seen.forEach((grey, k) => pixels.data.set([grey, grey, grey, 255], 4 * k));
    part("seen").getContext("2d").putImageData(pixels, 0, 0);
    const answers = names ? probabilities : probabilities && [probabilities];
    const tops = answers?.map((shares) => shares.indexOf(Math.max(...shares)));
    root.querySelectorAll(".digit-pad-bars").forEach((bars, k) => {
      bars.innerHTML = (answers?.[k] ?? Array(10).fill(0)).map((p, digit) => `
        <li class="digit-pad-bar ${digit === tops?.[k] ? "digit-pad-top" : ""}" data-digit="${digit}"
          data-p="${p.toFixed(4)}">${digit}<i><b style="width: ${(100 * p).toFixed(1)}%"></b></i>
          <span>${(100 * p).toFixed(0)} %</span></li>`).join("");
    });
    part("says").textContent = !answers ? "Nothing is drawn yet."
      : `${tops.map((top, k) => `${names?.[k] ?? "It"} reads a ${top}`).join(", ")}.`;
  }

  /** Show a drawing and its answer that came from elsewhere; own strokes stay as they are. */
  function show(others, answer) {
    if (JSON.stringify(others) !== asked && !down) {
      clearTimeout(soon);
      soon = undefined;
      asked = JSON.stringify(others);
      strokes = structuredClone(others);
      mine = false;
      paint();
    }
    if (answer.seen || answer.error) tell(answer);
  }

  // --- mouse, pen and finger ---

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    return [x, y].map((share) => Math.round(1e4 * share) / 1e4);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    hidePen();
    canvas.setPointerCapture(event.pointerId);
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down || !canvas.hasPointerCapture(event.pointerId)) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const point of (between.length ? between : [event]).map(place)) {
      if (point.some((share) => share < 0 || share > 1)) down = false; // over the edge: lifted
      if (down) go(point);
    }
  });
  for (const lifted of ["pointerup", "pointercancel", "lostpointercapture"])
    canvas.addEventListener(lifted, () => { down = false; });

  // --- the keyboard ---

  function showPen() {
    const [x, y] = pen;
    part("pen").style.left = `${100 * x}%`;
    part("pen").style.top = `${100 * y}%`;
    part("pen").classList.toggle("digit-pad-down", down);
    part("pen").hidden = false;
    const [across, below] = pen.map((share) => Math.round(100 * share));
    part("where").textContent = `Pen ${down ? "down" : "up"}, ${across} across, ${below} down.`;
  }

  function hidePen() {
    part("pen").hidden = true;
    part("where").textContent = "";
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) {
      const step = STEP * (event.shiftKey ? 4 : 1);
      const way = MOVES[event.key];
      pen = pen.map((share, k) => Math.min(1, Math.max(0, share + step * way[k])));
      pen = pen.map((share) => Math.round(1e4 * share) / 1e4);
      if (down) go(pen);
    } else if (event.key === " ") {
      if (down) down = false;
      else begin(pen);
    } else if (["Escape", "Delete", "Backspace"].includes(event.key)) {
      replace([], true);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    showPen();
  });
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible")) showPen(); });
  canvas.addEventListener("blur", () => {
    down = false;
    hidePen();
  });

  part("clear").addEventListener("click", () => replace([], true));
  part("show").addEventListener("click", () => {
    replace(recorded[next], false);
    next = (next + 1) % recorded.length;
  });
  part("show").hidden = !recorded.length;
  paint();
  return { show };
}

// In a notebook the kernel's model is what predicts: it answers a change of the strokes.
export default {
  render({ model, el }) {
    const pad = mount(el, {
      recorded: model.get("recorded"),
      predict(strokes) {
        model.set("strokes", strokes);
        model.save_changes();
      },
    });
    const show = () => pad.show(model.get("strokes"), model.get("answer"));
    show();
    model.on("change:answer", show);
    return () => model.off("change:answer", show);
  },
};
