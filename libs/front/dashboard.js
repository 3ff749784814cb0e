// The dashboard: curves of a training, the held-out digits that are misread, and a slider over it.
//
// `mount(element, film)` draws a film and returns `show(film)`, for the next state of the same
// training; no kernel is needed. A film is what libs/dashboard.py makes of a training: `curves`,
// [steps, loss, accuracy] of each part; `frames`, [step, seconds, how many are wrong, [digit, read
// as, …]] each; `held`, how many digits are looked at, `of` how many; `truth`, their labels; `sheet`,
// the address of a picture of them, ten in a row.
// Where no script runs, the stored page keeps its last picture.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = { training: "#1a8fe3", "held-out": "#d55e00" };
const HEIGHT = 180, LEFT = 40, BELOW = 20; // of a chart, and round its axes, in pixels
const NARROW = 250; // a legend then takes two lines

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const whole = (number) => number.toLocaleString("en-GB");
const short = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");

/** Return round numbers from below the least to above the largest, four or so. */
export function ticks(least, largest) {
  if (!(largest - least > 1e-9 * Math.max(1e-30, Math.abs(least), Math.abs(largest))))
    largest = least + Math.max(1e-9, Math.abs(least)); // flat
  const rough = (largest - least) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough) ?? rough;
  const first = Math.floor(least / step), last = Math.ceil(largest / step);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

/** Draw curves, {name: [steps, values]}, strong up to a step and pale beyond it. */
function draw(svg, name, curves, upTo, end) {
  const width = svg.clientWidth || NARROW;
  const above = width < NARROW ? 54 : 40;
  const points = Object.values(curves).flatMap(([steps, values]) => steps
    .map((step, k) => [step, values[k]]).filter(([, value]) => value !== null));
  let values = points.map(([, value]) => value);
  // where a curve begins is far from where it ends: the steep first tenth may leave the chart
  if (values.length > 20) {
    const sorted = [...values].sort((a, b) => a - b);
    values = name === "Loss"
      ? [sorted[0], sorted[Math.floor(0.95 * values.length)]]
      : [sorted[Math.floor(0.1 * values.length)], 1];
  }
  const marks = ticks(Math.min(...(values.length ? values : [0])),
    Math.max(...(values.length ? values : [1])));
  const [low, high] = [marks[0], marks.at(-1)];
  const x = (step) => LEFT + (width - LEFT - 8) * (step / Math.max(1, end));
  const y = (value) => above + (HEIGHT - above - BELOW)
    * (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low));
  const parts = marks.flatMap((mark) => [
    drawn("line", { x1: LEFT, x2: width - 8, y1: y(mark), y2: y(mark), class: "dashboard-grid" }),
    drawn("text", { x: LEFT - 5, y: y(mark) + 4, "text-anchor": "end" }, short(mark)),
  ]);
  parts.push(drawn("text", { x: LEFT, y: HEIGHT - 5 }, "0"),
    drawn("text", { x: width - 8, y: HEIGHT - 5, "text-anchor": "end" }, `step ${whole(end)}`),
    drawn("text", { x: 0, y: 13, "font-weight": 600 }, name));
  const says = [];
  let from = 0, row = 26;
  for (const [part, [steps, all]] of Object.entries(curves)) {
    const known = steps.map((step, k) => [step, all[k]]).filter(([, value]) => value !== null);
    if (!known.length) continue;
    const before = known.filter(([step]) => step <= upTo);
    const style = { stroke: COLOURS[part], "stroke-width": 1.3 };
    // held-out digits are read now and then: dots say when, the line between them is a guess
    const seldom = part !== "training";
    for (const [some, opacity] of [[known, 0.25], [before, 1]]) {
      const places = some.map(([step, value]) => [x(step).toFixed(1), y(value).toFixed(1)]);
      parts.push(drawn("polyline", { ...style, opacity: seldom ? 0.3 * opacity : opacity, fill: "none",
        points: places.map((place) => place.join()).join(" ") }));
      if (seldom) parts.push(...places.map(([cx, cy]) =>
        drawn("circle", { cx, cy, r: 2.2, fill: style.stroke, opacity })));
    }
    const value = before.length ? short(before.at(-1)[1]) : "–";
    const legend = `${part} ${value}`;
    if (before.length) says.push(legend);
    parts.push(drawn("line", { ...style, x1: from, x2: from + 14, y1: row, y2: row }),
      drawn("text", { x: from + 18, y: row + 4 }, legend));
    if (width < NARROW) row += 14;
    else from += 30 + 6.4 * legend.length;
  }
  svg.setAttribute("aria-label", `${name} up to step ${whole(upTo)}: ${says.join(", ") || "nothing yet"}`);
  svg.replaceChildren(...parts);
}

export function mount(place, first) {
  const id = `dashboard-${Math.random().toString(36).slice(2)}`;
  const chart = (name) => {
    const svg = drawn("svg", { role: "img", height: HEIGHT, class: "dashboard-chart" });
    svg.dataset.name = name;
    return svg;
  };
  const charts = ["Loss", ...(first.held ? ["Accuracy"] : [])].map(chart);
  const title = element("b"), state = element("span", { className: "dashboard-state" });
  const broken = element("p", { className: "dashboard-broken" });
  const wrong = element("p", { className: "dashboard-wrong" });
  const wall = element("div", { className: "dashboard-wall" });
  wall.setAttribute("role", "img");
  const slider = element("input", { type: "range", id, min: 0, step: 1 });
  const root = element("div", { className: "dashboard-root" },
    element("p", { className: "dashboard-head" }, title, state), broken,
    element("div", { className: "dashboard-parts" },
      element("div", { className: "dashboard-charts" }, ...charts),
      ...(first.held ? [element("div", { className: "dashboard-digits" }, wrong, wall)] : [])),
    element("p", { className: "dashboard-slide" },
      element("label", { htmlFor: id }, "Back in time"), slider));
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves our keys to us
  root.style.setProperty("--sheet", `url("${first.sheet}")`);
  const rows = Math.max(1, Math.ceil(first.truth.length / 10));
  place.replaceChildren(root);
  let film = first, chosen = null; // the frame to show; none: the last one

  function tile([digit, read]) {
    const picture = element("span", { className: "dashboard-digit" });
    const [column, row] = [digit % 10, Math.floor(digit / 10)];
    picture.style.backgroundPosition = `${(column / 9) * 100}% ${(row / Math.max(1, rows - 1)) * 100}%`;
    picture.style.backgroundSize = `1000% ${rows * 100}%`;
    const text = `${film.truth[digit]}→${read < 0 ? "?" : read}`;
    return element("span", { className: "dashboard-tile" }, picture, text);
  }

  function paint() {
    const last = Math.max(0, film.frames.length - 1);
    const at = chosen ?? last;
    const [frameStep, frameSeconds, count, pairs] = film.frames[at] ?? [0, 0, 0, []]; // none at first
    const back = chosen !== null;
    const step = back ? frameStep : film.step, seconds = back ? frameSeconds : film.seconds;
    const end = Math.max(film.total ?? 0, film.step, 1);
    const left = film.done || !film.total || !film.step ? 0 : film.seconds * (film.total / film.step - 1);
    title.textContent = film.title;
    state.textContent = `step ${whole(step)}${film.total ? ` of ${whole(film.total)}` : ""} · ${
      seconds.toFixed(1)} s${film.done || back ? "" : left > 0.5 ? ` · about ${Math.ceil(left)} s left` : " …"}`;
    broken.textContent = film.broken;
    charts.forEach((svg, k) => draw(svg, svg.dataset.name, Object.fromEntries(
      Object.entries(film.curves).map(([part, rows]) => [part, [rows[0], rows[1 + k]]]),
    ), step, end));
    if (first.held) {
      wrong.textContent = `${whole(count)} of ${whole(film.held)} held-out digits misread`
        + (count ? " (is → read as)" : "")
        + (film.of > film.held ? `; it looks at ${whole(film.held)} of ${whole(film.of)}` : "");
      const shown = Array.from({ length: pairs.length / 2 }, (_, k) => pairs.slice(2 * k, 2 * k + 2));
      wall.replaceChildren(...shown.map(tile));
      wall.setAttribute("aria-label", shown.length
        ? `Misread digits: ${shown.map(([d, r]) => `${film.truth[d]} as ${r < 0 ? "nothing" : r}`).join(", ")}`
        : "No digit is misread");
    }
    slider.max = Math.max(1, last);
    slider.disabled = last < 1;
    slider.value = back ? at : slider.max;
    slider.setAttribute("aria-valuetext", `step ${whole(step)}${
      first.held ? `, ${whole(count)} misread` : ""}`);
  }

  slider.addEventListener("input", () => {
    const at = Number(slider.value);
    chosen = at >= film.frames.length - 1 ? null : at;
    paint();
  });
  // arrow keys are the slider's, not the notebook's round it, to which Escape goes back
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") root.closest(".jp-Cell")?.focus();
    else event.stopPropagation();
  });
  let width = 0;
  new ResizeObserver(() => {
    if (root.clientWidth !== width) {
      width = root.clientWidth;
      paint();
    }
  }).observe(root);
  paint();
  return (next) => {
    if (chosen !== null) {
      // frames are thinned out as they become many: stay at the step
      const step = film.frames[chosen][0];
      chosen = Math.max(0, next.frames.findLastIndex((frame) => frame[0] <= step));
    }
    film = next;
    paint();
  };
}

// In a notebook: while the kernel trains, its model says what there is.
export default {
  render({ model, el }) {
    el.classList.add("dashboard");
    const film = () => ({ ...model.get("film"), sheet: model.get("sheet") });
    const show = mount(el, film());
    const next = () => show(film());
    model.on("change:film", next);
    // Shift+Enter brings the next cell into view before there is a picture, which can push its top out
    const waits = model.get("film").step ? [] : [0, 200, 600, 1200]; // who comes back scrolls alone
    const timers = waits.map((wait) => setTimeout(() => {
      if (el.getBoundingClientRect().height) el.scrollIntoView({ block: "nearest" });
    }, wait));
    return () => {
      timers.forEach(clearTimeout);
      model.off("change:film", next);
    };
  },
};

for (const place of document.querySelectorAll(".dashboard[data-film]")) {
  const film = JSON.parse(place.dataset.film);
  delete place.dataset.film;
  mount(place, film);
}
