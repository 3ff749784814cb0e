// A prediction in a page: a number or a choice, committed before the answer's fold is opened. What was
// said is kept nowhere. tools/site.py puts libs/front/predict.js before this.

/** Put a form into an element that holds a question. */
export function ask(place) {
  const question = JSON.parse(place.dataset.ask);
  const after = (one) => place.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
  const answer = [...document.querySelectorAll("details:has(.cell_output)")].find(after);
  let committed = false;
  place.classList.remove("asked");
  place.replaceChildren();
  const form = mount(place, { question, commit() { committed = true; } });
  answer?.addEventListener("toggle", () => { if (committed) form.close(); }, { once: true });
}
