// Progress: what a learner has done, and the questions of earlier lessons that are due.
//
// This stands after quiz.js, in one module with it. The first part says in JavaScript what
// learner/store.py says in Python: there stands what the numbers mean.

const KINDS = { exercises: 1, predictions: 1, questions: 10 };

const empty = () => ({ "course-progress": 1, exercises: {}, predictions: {}, questions: {} });

/** Return today, as people here count days. */
function today() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

const isDict = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function isEntry(entry, most) {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [day, number] = entry;
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(Date.parse(day))) return false;
  return new Date(day).toISOString().startsWith(day)
    && Number.isInteger(number) && number >= 0 && number <= most;
}

/** Return what a file holds; throw an Error whose message continues the file's name. */
export function read(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("is damaged: it is no JSON");
  }
  const version = isDict(found) ? found["course-progress"] : null;
  if (!Number.isInteger(version) || version < 1) throw new Error("is no progress of this course");
  if (version > 1) throw new Error("is from a newer version of the course: update the course first");
  for (const [kind, most] of Object.entries(KINDS)) {
    const fits = isDict(found[kind]) && Object.entries(found[kind]).every(([lesson, of]) => (
      /^\d\d[a-z]?$/.test(lesson) && isDict(of)
      && Object.entries(of).every(([name, entry]) => name && isEntry(entry, most))));
    if (!fits) throw new Error(`is damaged: its ${kind} are not as they were written`);
  }
  return Object.fromEntries(Object.keys(empty()).map((key) => [key, found[key]]));
}

/** Return both: of each entry the later; of two of one day the lower, which asks sooner. */
export function merge(one, other) {
  const both = empty();
  for (const kind of Object.keys(KINDS)) {
    for (const [lesson, of] of [...Object.entries(one[kind]), ...Object.entries(other[kind])]) {
      const there = both[kind][lesson] ??= {};
      for (const [name, entry] of Object.entries(of)) {
        const [day, number] = there[name] ?? entry;
        const later = entry[0] > day || (entry[0] === day && entry[1] < number);
        there[name] = later ? entry : [day, number];
      }
    }
  }
  return both;
}

export function isDue([day, box], now) {
  const days = (Date.parse(now) - Date.parse(day)) / 864e5;
  return days < 0 || days >= 2 ** Math.max(box - 1, 0);
}

/** Enter an answer to a quiz's question. */
export function note(progress, lesson, name, right, now) {
  const of = progress.questions[lesson] ??= {};
  if (right && of[name] && !isDue(of[name], now)) return;
  of[name] = [now, right ? Math.min((of[name]?.[1] ?? 1) + 1, KINDS.questions) : 1];
}

/** Return [lesson, question] of what is due, if so only of lessons before one. */
export function due(progress, now, before = "") {
  const order = (a, b) => Number(a > b) - Number(a < b);
  return Object.entries(progress.questions)
    .filter(([lesson]) => !before || lesson < before)
    .flatMap(([lesson, of]) => Object.entries(of).map(([name, entry]) => [entry, lesson, name]))
    .filter(([entry]) => isDue(entry, now))
    .sort(([a, ...one], [b, ...other]) => (
      order(a[0], b[0]) || a[1] - b[1] || order(one[0], other[0]) || order(one[1], other[1])))
    .map(([, lesson, name]) => [lesson, name]);
}

/** Tell of each answer in a place's quizzes: the question, whether it was right, and its form. */
export function watch(place, tell) {
  const observer = new MutationObserver((changes) => {
    for (const verdict of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (!verdict.matches?.(".quiz-right, .quiz-wrong")) continue;
      const form = verdict.closest(".quiz-question");
      const typed = form.querySelector("[type=text]");
      // "Choose an answer first" is no answer to count
      if (typed ? !Number.isFinite(readNumber(typed.value)) : !form.querySelector(":checked")) continue;
      const question = form.querySelector("legend").textContent.replace(/^\d+\. /, "");
      tell(question, verdict.matches(".quiz-right"), form);
    }
  });
  observer.observe(place, { childList: true, subtree: true });
  return () => observer.disconnect();
}

/** Show due questions, folded; each knows its lesson. They are watched as all quizzes are. */
export function showDue(place, questions) {
  const says = element("summary", {});
  const quiz = element("div", { className: "quiz" });
  const open = new Set(questions);
  const count = () => says.replaceChildren(open.size === 0 ? "That was all for today."
    : `${open.size} question${open.size > 1 ? "s" : ""} from earlier lessons to repeat today`);
  const fold = element("details", { className: "due" }, says, element("p", {},
    "Skip them if you like: they wait. What you know comes back after 2, 4, 8, … days, what you "
    + "don't know tomorrow."), quiz);
  fold.addEventListener("keydown", (event) => event.stopPropagation()); // no notebook's shortcuts
  fold.dataset.lmSuppressShortcuts = "true";
  mount(quiz, questions);
  [...quiz.children].forEach((form, k) => { form.dataset.lesson = questions[k].lesson; });
  watch(quiz, (_, right, form) => {
    open.delete(questions[[...quiz.children].indexOf(form)]);
    count();
  });
  count();
  place.append(fold);
}

// In a notebook the kernel keeps what was answered: a lesson's quiz, or what is due.
export default {
  render({ model, el }) {
    const questions = model.get("questions");
    const place = element("div", { className: "quiz" });
    if (model.get("due")) showDue(el, questions);
    else {
      mount(place, questions);
      el.append(place);
    }
    return watch(el, (question, right, form) => {
      const lesson = form.dataset.lesson ?? questions[0].lesson;
      model.set("answered", [lesson, question, right, Date.now()]); // two alike differ by the time
      model.save_changes();
    });
  },
};
