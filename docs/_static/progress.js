// The site's memory of what a reader answered: in this browser alone. tools/site.py puts quiz.js and
// progress.js of libs/front before this.

const KEY = "course-progress";
const lesson = location.pathname.match(/\/notebooks\/(\d\d[a-z]?)-[^/]*$/)?.[1] ?? "";
const beside = new URL("lessons.js", document.currentScript.src);
let told = "";

/** Return what is kept; where the browser keeps nothing, nothing is. What can't be read is set aside. */
function load() {
  let text = null;
  try {
    text = localStorage.getItem(KEY);
    if (text !== null) return read(text);
  } catch (error) {
    if (text === null) return empty(); // storage is refused
    try {
      const name = `${KEY} ${new Date().toISOString()}`;
      localStorage.setItem(name, text);
      localStorage.removeItem(KEY);
      told = `What was kept here ${error.message}. It was set aside as “${name}”, and a new one begun.`;
    } catch { /* full: it stays where it is until something is answered */ }
  }
  return empty();
}

function save(progress) {
  try {
    localStorage.setItem(KEY, JSON.stringify(progress));
  } catch { /* refused, or full: the page works as before */ }
}

let fetched;
/** Return all lessons with their quizzes, from a script: a page that is opened as a file reads no other. */
function lessons() {
  fetched ??= new Promise((done, failed) => {
    const script = element("script", { src: beside });
    script.addEventListener("load", () => done(window.courseLessons));
    script.addEventListener("error", failed);
    document.head.append(script);
  });
  return fetched;
}

/** Return what a question is kept as: its English text, also where a page asks it in another language. */
const nameOf = (question) => window.courseNames?.[question] ?? question;

/** Show due questions; say of those that are not translated that they are English. */
function ask(place, questions) {
  showDue(place, questions);
  if (document.documentElement.lang === "en") return;
  place.querySelectorAll("form").forEach((form, k) => {
    if (!(questions[k].question in window.courseNames)) form.lang = "en";
  });
}

/** Return what is due and still asked somewhere, with its lesson. */
async function dueNow(before = "") {
  const found = due(load(), today(), before);
  if (!found.length) return [];
  const known = await lessons();
  return found.flatMap(([number, text]) => (known[number]?.questions ?? [])
    .filter(({ question }) => nameOf(question) === text).map((one) => ({ ...one, lesson: number })));
}

async function askBefore() {
  const questions = await dueNow(lesson);
  const place = element("div", {});
  if (!questions.length) return;
  ask(place, questions.slice(0, 3));
  document.querySelector("article h1").after(place);
}

/** Write into the course map how far each lesson is. */
function mark(progress, known) {
  for (const old of document.querySelectorAll(".progress-row")) old.remove();
  for (const link of document.querySelectorAll("table.map a")) {
    const number = new URL(link.href).pathname.match(/\/notebooks\/(\d\d[a-z]?)-/)?.[1];
    if (!known[number]) continue;
    const parts = [];
    const count = (kind, names, least) => {
      const of = progress[kind][number] ?? {};
      const right = names.filter((name) => of[name]?.[1] >= least).length;
      const all = right === names.length ? "✓ " : "";
      if (Object.keys(of).length) parts.push(`${all}${right} of ${names.length} ${kind}`);
    };
    // a question lies in the second box, or higher, once it was answered right
    count("questions", known[number].questions.map(({ question }) => nameOf(question)), 2);
    count("exercises", known[number].checks, 1);
    const guesses = Object.values(progress.predictions[number] ?? {});
    const hits = guesses.filter(([, hit]) => hit).length;
    if (guesses.length) parts.push(`${hits} of ${guesses.length} predictions right`);
    if (parts.length) link.after(element("span", { className: "progress-row" }, parts.join(", ")));
  }
}

async function showPanel(panel) {
  const says = element("p", {});
  const asked = element("div", {});
  const status = element("p", { role: "status" });
  const button = element("button", { type: "button" }, "Save to a file");
  const input = element("input", { type: "file", accept: ".json,application/json" });
  async function refresh() {
    const progress = load();
    const known = await lessons();
    const begun = Object.keys(known).filter((number) => (
      Object.keys(KINDS).some((kind) => progress[kind][number])));
    mark(progress, known);
    const waiting = (await dueNow()).length;
    says.replaceChildren(begun.length
      ? `${begun.length} of ${Object.keys(known).length} lessons begun; ${waiting} `
        + `question${waiting === 1 ? "" : "s"} to repeat today.`
      : "Nothing yet: answer a question of a lesson's quiz, and it is kept here.");
  }
  async function askAgain() {
    asked.replaceChildren();
    const questions = await dueNow();
    if (questions.length) ask(asked, questions.slice(0, 3));
  }
  button.addEventListener("click", () => {
    const text = `${JSON.stringify(load(), null, 1)}\n`;
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    element("a", { href, download: "course-progress.json" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
    status.replaceChildren("Saved as course-progress.json.");
  });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      save(merge(load(), read(await file.text())));
      status.replaceChildren(`${file.name}: taken in.`);
    } catch (error) {
      status.replaceChildren(`${file.name} ${error.message}. Nothing was changed.`);
    }
    input.value = "";
    await refresh();
    await askAgain();
  });
  panel.replaceChildren(says, asked, element("p", {}, button, " ",
    element("label", {}, "Take in a file: ", input)), status);
  await refresh();
  await askAgain();
  if (told) status.replaceChildren(told);
  return refresh;
}

let refresh = () => {};
const panel = document.querySelector(".progress-panel");
if (panel) showPanel(panel).then((again) => { refresh = again; });
else if (lesson) askBefore();
watch(document.body, async (question, right, form) => {
  const of = form.dataset.lesson ?? lesson;
  if (!of) return;
  if (document.documentElement.lang !== "en") await lessons(); // what its questions are kept as
  const progress = load();
  note(progress, of, nameOf(question), right, today());
  save(progress);
  refresh();
});
