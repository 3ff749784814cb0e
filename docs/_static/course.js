// What a page of the site does beyond showing itself: moving pictures stop, terms explain themselves.

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Put a button on a moving picture; it stands still at first for who asked for that. */
function makePausable(picture) {
  const frame = document.createElement("span");
  const canvas = document.createElement("canvas");
  const button = document.createElement("button");
  frame.className = "moving";
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  canvas.style.maxWidth = picture.style.maxWidth; // it stands as large as it moved
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", picture.alt);
  button.type = "button";
  const draw = () => canvas.getContext("2d").drawImage(picture, 0, 0);
  draw(); // before it leaves its <picture>, is fetched anew, and meanwhile is blank
  picture.replaceWith(frame);
  frame.append(picture, canvas, button);
  const show = (moves) => {
    picture.hidden = !moves;
    canvas.hidden = moves;
    button.textContent = moves ? "Pause" : "Play";
  };
  button.addEventListener("click", () => {
    if (!picture.hidden) draw();
    show(picture.hidden);
  });
  show(!still);
}

for (const picture of document.querySelectorAll('picture > img, img[src$=".gif"]')) {
  if (picture.complete && picture.naturalWidth) makePausable(picture);
  else picture.addEventListener("load", () => makePausable(picture), { once: true });
}

// a page that is opened as a file may not read others: a search then lists pages without their words
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") // slides have none
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

const home = new URL("terms.js", document.currentScript.src);

// --- what is too wide for its place scrolls, by keyboard as well
function letScroll() {
  for (const box of document.querySelectorAll("article .in-line")) {
    const line = box.closest("p, li, div");
    if (box.closest("td") || !line.clientWidth) continue;
    const wide = box.firstElementChild.getBoundingClientRect().width > line.clientWidth;
    box.classList.toggle("wide", wide);
    if (!wide) box.removeAttribute("tabindex");
  }
  const boxes = ".formula, .in-line.wide, .pst-scrollable-table-container, article p:has(> img)";
  for (const box of document.querySelectorAll(boxes))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
letScroll();
addEventListener("resize", letScroll);
document.addEventListener("toggle", letScroll, true); // what was folded had no width

// --- what lives in the page, fetched when it comes into view
const fetched = {};
function fetchScript(name) {
  fetched[name] ??= new Promise((done) => {
    const script = Object.assign(document.createElement("script"), { src: new URL(name, home) });
    script.addEventListener("load", done);
    document.head.append(script);
  });
  return fetched[name];
}

const inView = new IntersectionObserver((changes) => changes.forEach(async (change) => {
  const place = change.target;
  if (!change.isIntersecting) return;
  inView.unobserve(place);
  if (place.dataset.ask) {
    await fetchScript("alive/ask.js");
    return courseAsk(place);
  }
  await fetchScript("alive/alive.js");
  if (place.dataset.play) return courseAlive.play(place);
  await Promise.all(place.dataset.network.split(" ").map((name) => fetchScript(`alive/${name}.js`)));
  await courseAlive.start(place);
}), { rootMargin: "100%" });
for (const place of document.querySelectorAll("[data-alive], [data-play], [data-ask]")) inView.observe(place);

// --- terms: a link to the glossary shows its entry. Entries lie in a script, for a page that is opened
// as a file may not read another one.
const shown = Object.assign(document.createElement("div"), { className: "term", hidden: true });
shown.setAttribute("role", "tooltip");
shown.id = "term";
shown.lang = "en"; // on a translated page as well
document.body.append(shown);

async function explain(link) {
  await fetchScript("terms.js");
  const text = courseTerms[decodeURIComponent(new URL(link.href).hash.slice(1))];
  if (!text || !link.matches(":hover, :focus")) return;
  shown.innerHTML = text;
  shown.hidden = false;
  link.setAttribute("aria-describedby", "term");
  const box = link.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - shown.offsetWidth - 8);
  shown.style.left = `${Math.max(8, left) + scrollX}px`;
  shown.style.top = `${box.bottom + 4 + scrollY}px`;
}

function hide() {
  shown.hidden = true;
  document.querySelector("[aria-describedby=term]")?.removeAttribute("aria-describedby");
}

for (const link of document.querySelectorAll('article a[href*="glossary.html#"]')) {
  for (const event of ["mouseenter", "focus"]) link.addEventListener(event, () => explain(link));
  for (const event of ["mouseleave", "blur"]) link.addEventListener(event, hide);
}
document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
