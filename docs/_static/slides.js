// Slides: keys go from one to the next. Each is a part of one long page, which scrolls without this.

const slides = [...document.querySelectorAll(".slide")];
const counter = document.querySelector("nav [role=status]");
let current = 0;

/** Make a slide smaller that is a little too high; one that is far too high scrolls. */
function fit(slide) {
  const inside = slide.firstElementChild;
  inside.style.zoom = 1;
  const room = innerHeight - 96;
  if (inside.offsetHeight > room) inside.style.zoom = Math.max(0.7, room / inside.offsetHeight);
}

function show(number, focus = true) {
  current = Math.min(slides.length - 1, Math.max(0, number));
  counter.textContent = `${current + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${current + 1}`);
  if (!focus) return;
  slides[current].focus({ preventScroll: true });
  slides[current].scrollIntoView();
}

const WAYS = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1,
  PageUp: -1, Home: -Infinity, End: Infinity };
document.addEventListener("keydown", (event) => {
  const way = WAYS[event.key];
  if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, button, summary, a, [role=slider], canvas, [tabindex='0']")) return;
  const box = slides[current].getBoundingClientRect();
  const more = way > 0 ? box.bottom > innerHeight + 4 : box.top < -4;
  // a slide higher than the window is read to its end first
  if (more && Number.isFinite(way) && !event.key.match(/Left|Right/)) return;
  event.preventDefault();
  show(current + way);
});
for (const button of document.querySelectorAll("nav button"))
  button.addEventListener("click", () => show(current + Number(button.dataset.by)));

// who scrolls by hand is followed
const seen = new IntersectionObserver((changes) => changes.forEach((change) => {
  if (change.isIntersecting) show(slides.indexOf(change.target), false);
}), { rootMargin: "-49% 0% -49% 0%" });

const fitAll = () => {
  slides.forEach(fit);
  for (const box of document.querySelectorAll("pre, .cell_output .output"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; // it scrolls, by keyboard as well
};
addEventListener("resize", fitAll);
addEventListener("load", () => {
  fitAll();
  show(Number(location.hash.slice(1) || 1) - 1);
  slides.forEach((slide) => seen.observe(slide));
});
