// The page of `python -m grader mark`: its keys, and a look whether the grader still runs.
"use strict";
(() => {
  const form = document.getElementById("mark");
  if (!form) {
    document.getElementById("go")?.focus();
    return;
  }
  const [points, comment, keep, keys] = ["points", "comment", "keep", "keys"].map((id) =>
    document.getElementById(id),
  );
  const before = [points.value, comment.value];
  let leaving = false;

  // people who speak to their computer, or lean on it, switch single keys off
  keys.checked = sessionStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () =>
    sessionStorage.setItem("keys", keys.checked ? "on" : "off"),
  );

  function add(text) {
    const there = comment.value.trimEnd();
    if (!there.split("\n\n").includes(text)) {
      comment.value = there ? `${there}\n\n${text}` : text;
    }
  }
  for (const button of document.querySelectorAll("button.use")) {
    button.addEventListener("click", () => add(button.dataset.text));
  }

  function save(what) {
    form.requestSubmit(form.querySelector(`button[name="do"][value="${what}"]`));
  }
  function follow(id) {
    const link = document.getElementById(id);
    if (link.href) link.click();
  }

  function command(key) {
    const again = [...document.querySelectorAll("button.use")];
    const chosen = again.find((button) => button.dataset.key === key);
    if (chosen) chosen.click();
    else if (key === "?") save("unsure");
    else if (key === "+") keep.click();
    else if (key === "/") comment.focus();
    else if (key === "p") follow("before");
    else if (key === "n") follow("after");
    else if (key === "s") follow("skip");
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.isComposing) return;
    if (at === comment) {
      if (event.key === "Escape") comment.blur();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        save("save");
      }
      return;
    }
    if (!keys.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at === points ? command(event.key) : !at.closest("select") && command(event.key)) {
      event.preventDefault();
    } else if (at !== points && /^[0-9.,]$/.test(event.key)) {
      points.select(); // the key's own character goes there, in place of what was
      points.focus({ preventScroll: true });
    } else if ((at === document.body || at.id === "problem") && event.key === "Enter") {
      event.preventDefault();
      save("save");
    }
  });

  // a mark is gone only when the grader has it
  form.addEventListener("submit", async (event) => {
    if (leaving) return;
    event.preventDefault();
    const button = event.submitter;
    try {
      const answer = await fetch(form.dataset.alive);
      if (!answer.ok) throw new Error(answer.status);
      leaving = true;
      form.requestSubmit(button);
    } catch {
      let said = document.getElementById("problem");
      if (!said) {
        said = document.createElement("p");
        said.id = "problem";
        said.className = "problem";
        said.setAttribute("role", "alert");
        said.tabIndex = -1;
        form.prepend(said);
      }
      said.textContent =
        "The grader does not run any more, so this is not saved yet; what you saved before is. " +
        `Start it again (python -m grader mark ${form.dataset.assignment}), open its new ` +
        "address, and copy what you typed from here.";
      said.focus();
    }
  });
  window.addEventListener("beforeunload", (event) => {
    const typed = points.value !== before[0] || comment.value !== before[1];
    if (typed && !leaving) event.preventDefault();
  });
  document.getElementById("problem")?.focus();
})();
