// Three things to play with: softmax and its temperature, descent in a valley, a painted kernel.
// Each is put into an element of a page; all of it is computed here.

let made = 0;

/** Return a labelled slider and its value's place, as HTML. */
function slider(name, label, from, to, step, value) {
  const id = `play-${(made += 1)}`;
  return `<p class="play-slider"><label for="${id}">${label}</label>
    <input id="${id}" data-name="${name}" type="range" min="${from}" max="${to}" step="${step}"
      value="${value}"> <output for="${id}">${value}</output></p>`;
}

/** Show each slider's value; call back now and whenever one moves. */
function follow(root, changed) {
  const tell = () => {
    const values = {};
    for (const input of root.querySelectorAll("input[type=range]")) {
      values[input.dataset.name] = Number(input.value);
      input.nextElementSibling.value = input.value.replace("-", "−");
    }
    changed(values);
  };
  root.addEventListener("input", tell);
  tell();
}

/** Softmax: four scores, and what the temperature makes of them. */
export function softmax(root) {
  const names = ["cat", "dog", "fox", "owl"];
  const start = [2, 1, 0, -1];
  root.innerHTML = `<div>${names.map((name, k) => slider(name, `score of “${name}”`, -5, 5, 0.1,
    start[k])).join("")}${slider("temperature", "temperature", 0.1, 5, 0.1, 1)}</div>
    <ul class="play-bars" aria-label="Probabilities"></ul><p role="status"></p>`;
  follow(root, (values) => {
    const scores = names.map((name) => values[name] / values.temperature);
    const top = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - top));
    const sum = powers.reduce((a, b) => a + b);
    const shares = powers.map((power) => power / sum);
    root.querySelector("ul").innerHTML = names.map((name, k) => `<li><em>${name}</em>
      <i><b style="width: ${(100 * shares[k]).toFixed(1)}%"></b></i>
      <span>${(100 * shares[k]).toFixed(1)} %</span></li>`).join("");
    const entropy = -shares.reduce((all, p) => all + (p > 0 ? p * Math.log2(p) : 0), 0);
    root.querySelector("[role=status]").textContent =
      `How unsure: ${entropy.toFixed(2)} bits, of 2 at most.`;
  });
}

/** Descent with momentum in a valley: where a ball goes for a rate that you choose. */
export function descent(root) {
  const side = 300;
  const steep = 10; // the loss is x² / 2 + steep · y² / 2
  const reach = 2.2; // the plane goes from −reach to reach
  const steps = 60;
  root.innerHTML = `<canvas width="${side}" height="${side}" role="img"></canvas>
    <div>${slider("rate", "rate", 0.005, 0.25, 0.005, 0.05)}
    ${slider("momentum", "momentum", 0, 0.95, 0.05, 0)}
    ${slider("x", "start, across", -2, 2, 0.1, -1.8)}${slider("y", "start, up", -2, 2, 0.1, 1)}
    <p role="status"></p></div>`;
  const canvas = root.querySelector("canvas");
  const brush = canvas.getContext("2d");
  const at = ([x, y]) => [((x + reach) / (2 * reach)) * side, ((reach - y) / (2 * reach)) * side];
  follow(root, ({ rate, momentum, x, y }) => {
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, side, side);
    brush.strokeStyle = "#9bb";
    brush.lineWidth = 1;
    for (const loss of [0.05, 0.2, 0.5, 1, 2, 4, 8, 16]) { // lines of equal loss are ellipses
      brush.beginPath();
      const unit = side / (2 * reach);
      brush.ellipse(side / 2, side / 2, Math.sqrt(2 * loss) * unit,
        Math.sqrt((2 * loss) / steep) * unit, 0, 0, 2 * Math.PI);
      brush.stroke();
    }
    let [place, speed] = [[x, y], [0, 0]];
    brush.strokeStyle = brush.fillStyle = "#b34700";
    brush.lineWidth = 1.5;
    for (let step = 0; step < steps; step++) {
      const slope = [place[0], steep * place[1]];
      speed = speed.map((v, k) => momentum * v - rate * slope[k]);
      const next = place.map((value, k) => value + speed[k]);
      brush.beginPath();
      brush.moveTo(...at(place));
      brush.lineTo(...at(next));
      brush.stroke();
      brush.beginPath();
      brush.arc(...at(next), 2.5, 0, 2 * Math.PI);
      brush.fill();
      place = next;
    }
    const loss = place[0] ** 2 / 2 + (steep * place[1] ** 2) / 2;
    const said = loss > 100 ? "It has left the valley: the rate is too large for the steep walls."
      : `After ${steps} steps the loss is ${loss.toPrecision(2)}.`;
    root.querySelector("[role=status]").textContent = said;
    canvas.ariaLabel = `A valley, ten times as steep across as along, and a ball's way. ${said}`;
  });
}

const KERNELS = {
  "a vertical edge": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "a horizontal edge": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  "an average": [1, 1, 1, 1, 1, 1, 1, 1, 1],
  "a point": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
};

/** Paint a kernel of 3 × 3 and see what it finds in a digit, 28 × 28 numbers from 0 to 1. */
export function kernel(root, digit) {
  const names = ["upper left", "upper", "upper right", "left", "middle", "right", "lower left",
    "lower", "lower right"];
  root.innerHTML = `<figure><canvas width="28" height="28" role="img"
      aria-label="A handwritten 3"></canvas><figcaption>the digit</figcaption></figure>
    <div><p>The kernel: a number from −9 to 9 in each place.</p><div class="play-kernel">
    ${names.map((name) => `<input type="number" min="-9" max="9" aria-label="${name}">`).join("")}
    </div><p>${Object.keys(KERNELS).map((name) => `<button type="button">${name}</button>`).join(" ")}
    </p><p role="status"></p></div>
    <figure><canvas width="26" height="26" role="img"></canvas>
      <figcaption>its map: orange above 0, blue below</figcaption></figure>`;
  const [picture, map] = root.querySelectorAll("canvas");
  const fields = [...root.querySelectorAll("input")];
  const paint = (canvas, colours) => {
    const pixels = new ImageData(canvas.width, canvas.height);
    colours.forEach((colour, k) => pixels.data.set([...colour, 255], 4 * k));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };
  paint(picture, [...digit].map((share) => Array(3).fill(Math.round(255 * share))));
  const look = () => {
    const weights = fields.map((input) =>
      Math.min(Math.max(Number(input.value) || 0, -9), 9));
    const found = [];
    for (let y = 0; y < 26; y++) for (let x = 0; x < 26; x++)
      found.push(weights.reduce((sum, w, k) => sum + w
        * digit[(y + Math.floor(k / 3)) * 28 + x + (k % 3)], 0));
    const most = Math.max(...found.map(Math.abs)) || 1;
    paint(map, found.map((value) => {
      const share = Math.abs(value) / most;
      const full = value > 0 ? [230, 97, 0] : [26, 120, 200];
      return full.map((colour) => Math.round(255 + share * (colour - 255)));
    }));
    const said = `Its answers go from ${Math.min(...found).toFixed(1)} to ${
      Math.max(...found).toFixed(1)}.`.replaceAll("-", "−");
    root.querySelector("[role=status]").textContent = said;
    map.ariaLabel = `What the kernel finds. ${said}`;
  };
  const set = (weights) => {
    fields.forEach((input, k) => { input.value = weights[k]; });
    look();
  };
  root.addEventListener("input", look);
  for (const button of root.querySelectorAll("button"))
    button.addEventListener("click", () => set(KERNELS[button.textContent]));
  set(KERNELS["a vertical edge"]);
}

/** Put what an element asks for into it. */
export function play(root) {
  root.classList.add("play");
  const digit = likeMnist(ink(recorded[3]));
  ({ softmax, descent, kernel })[root.dataset.play](root, digit);
}
