// A quiz: choices, or a number, and feedback on each answer. No kernel is needed.
//
// Where no script runs, the page keeps the questions as text, each with its answer folded. `mount`
// puts a form in their place; this file does so for each quiz that it finds.

/** Read a number as people write it: 1,812 and −0.1 and 3/4; NaN if it is none. */
export function readNumber(text) {
  let plain = text.trim().replaceAll("−", "-").replace(/[\s_]/g, "");
  const thousands = /^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(plain);
  plain = thousands ? plain.replaceAll(",", "") : plain.replace(",", ".");
  const [above, below, ...more] = plain.split("/");
  if (plain === "" || below === "" || more.length) return NaN;
  return Number(above) / Number(below ?? 1);
}

/** Return [right?, what to say] about a number. */
function judgeNumber({ answers, precision }, text) {
  const given = readNumber(text);
  if (!Number.isFinite(given)) return [false, "Type a number, such as 0.25."];
  const rounded = (value) => (precision ? Number(value.toPrecision(precision)) : value);
  const hit = answers.find(({ value, range }) => (range
    ? given >= range[0] && given < range[1]
    : value !== undefined && rounded(given) === rounded(value)));
  const { correct = false, feedback } = hit ?? answers.find(({ type }) => type === "default");
  return [correct, feedback];
}

/** Return [right?, what to say] about the choices that were made. */
function judgeChoices({ answers, type }, chosen) {
  if (!chosen.length) return [false, "Choose an answer first."];
  const wrong = chosen.find((answer) => !answer.correct);
  if (wrong) return [false, wrong.feedback];
  const all = type !== "many_choice" || answers.every((one) => !one.correct || chosen.includes(one));
  const said = chosen.map(({ feedback }) => feedback).join(" ");
  return [all, all ? said : `${said} But there are more.`];
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function form(question, heading, group) {
  const numeric = question.type === "numeric";
  const inputs = numeric
    ? [element("input", { type: "text", inputMode: "decimal", autocomplete: "off" })]
    : question.answers.map((_, k) => element("input", {
      type: question.type === "many_choice" ? "checkbox" : "radio", name: group, value: k,
    }));
  const labels = inputs.map((input, k) => (numeric
    ? element("label", {}, "Your number: ", input)
    : element("label", {}, input, element("span", {}, question.answers[k].answer))));
  const says = element("p", { className: "quiz-says", role: "status" });
  const all = element("form", { className: "quiz-question" },
    element("fieldset", {}, element("legend", {}, heading), ...labels),
    element("button", {}, "Check"), says);
  const clear = () => says.replaceChildren();
  all.addEventListener("input", clear);
  all.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = question.answers.filter((_, k) => inputs[k]?.checked);
    const [right, words] = numeric
      ? judgeNumber(question, inputs[0].value) : judgeChoices(question, chosen);
    clear();
    // a moment later, or the same words as before would not be read out again
    setTimeout(() => says.replaceChildren(
      element("b", { className: right ? "quiz-right" : "quiz-wrong" }, right ? "Right. " : "Not yet. "),
      words,
    ), 50);
  });
  // arrow keys and letters are the form's, not the notebook's round it, to which Escape goes back
  all.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") all.closest(".jp-Cell")?.focus();
  });
  return all;
}

export function mount(place, questions) {
  place.dataset.lmSuppressShortcuts = "true"; // the same for JupyterLab, which listens earlier
  const group = Math.random().toString(36).slice(2);
  place.replaceChildren(...questions.map((question, k) => form(
    question, `${k + 1}. ${question.question}`, `quiz-${group}-${k}`,
  )));
}

for (const place of document.querySelectorAll(".quiz[data-questions]")) {
  const questions = JSON.parse(place.dataset.questions);
  delete place.dataset.questions;
  mount(place, questions);
}
