// The course's own networks in a page: no kernel, no server, plain numbers.
//
// `make site` joins libs/front's `pad` and `explorer`, this file and play.js in one script.

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floats = (text) => text && new Float32Array(bytesOf(text).buffer);

/** Return a layer with its weights as numbers: deflated, a byte or two each, times one scale a column. */
export async function unpack(layer) {
  const flow = new Blob([bytesOf(layer.weights)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(flow).arrayBuffer());
  const [scale, bias, gain] = [layer.scale, layer.bias, layer.gain].map(floats);
  const n = layer.shape.reduce((a, b) => a * b);
  const high = new Int8Array(bytes.buffer, 0, n); // then, if there are two, all low ones
  const whole = bytes.length > n ? (byte, i) => 256 * byte + bytes[n + i] : (byte) => byte;
  const weights = Float64Array.from(high, (byte, i) => whole(byte, i) * scale[i % scale.length]);
  return { ...layer, weights, bias, gain };
}

/** Multiply numbers [n] with weights [n, m]. */
function dense(numbers, { weights, bias }) {
  const sums = Float64Array.from(bias);
  const m = bias.length;
  numbers.forEach((number, i) => {
    if (number) for (let j = 0; j < m; j++) sums[j] += number * weights[i * m + j];
  });
  return sums;
}

/** Put rows and columns of zeros round an image [side, side, channels]. */
function padded(image, channels, pad) {
  const side = Math.sqrt(image.length / channels);
  const wide = side + 2 * pad;
  const framed = new Float64Array(wide * wide * channels);
  for (let y = 0; y < side; y++)
    framed.set(image.slice(y * side * channels, (y + 1) * side * channels),
      ((y + pad) * wide + pad) * channels);
  return framed;
}

/** Slide kernels [size, size, from, to] over an image [side, side, from], as Keras does. */
function convolve(image, { weights, bias, shape, stride, pad = 0 }) {
  const [size, , from, to] = shape;
  if (pad) image = padded(image, from, pad);
  const side = Math.sqrt(image.length / from);
  const out = Math.floor((side - size) / stride) + 1;
  const answer = new Float64Array(out * out * to);
  for (let y = 0; y < out; y++) for (let x = 0; x < out; x++) {
    const at = (y * out + x) * to;
    answer.set(bias, at);
    for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) {
      const under = ((y * stride + row) * side + x * stride + column) * from;
      const kernel = (row * size + column) * from * to;
      for (let c = 0; c < from; c++) {
        const value = image[under + c];
        if (value) for (let k = 0; k < to; k++) answer[at + k] += value * weights[kernel + c * to + k];
      }
    }
  }
  return answer;
}

/** Keep the largest of each square of places of maps [side, side, channels]. */
function pooled(maps, channels, size) {
  const side = Math.sqrt(maps.length / channels);
  const out = Math.floor(side / size);
  const kept = new Float64Array(out * out * channels).fill(-Infinity);
  for (let y = 0; y < out * size; y++) for (let x = 0; x < out * size; x++) {
    const [from, to] = [y * side + x, Math.floor(y / size) * out + Math.floor(x / size)];
    for (let c = 0; c < channels; c++)
      kept[to * channels + c] = Math.max(kept[to * channels + c], maps[from * channels + c]);
  }
  return kept;
}

/** What a layer adds up, then the largest of each square, then batch normalisation as learned. */
function sums(layer, numbers) {
  const { gain, bias, pool } = layer;
  const own = gain ? { ...layer, bias: bias.map(() => 0) } : layer;
  let maps = (layer.kind === "dense" ? dense : convolve)(numbers, own);
  if (pool) maps = pooled(maps, bias.length, pool);
  return gain ? maps.map((sum, i) => sum * gain[i % gain.length] + bias[i % gain.length]) : maps;
}

const THEN = {
  linear: (numbers) => numbers,
  relu: (numbers) => numbers.map((number) => Math.max(0, number)),
  sigmoid: (numbers) => numbers.map((number) => 1 / (1 + Math.exp(-number))),
  softmax(numbers) {
    const top = Math.max(...numbers);
    const powers = numbers.map((number) => Math.exp(number - top));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  },
};

/** Send numbers through layers that `unpack` returned. */
export function run(layers, numbers) {
  for (const layer of layers) numbers = THEN[layer.then](sums(layer, numbers));
  return numbers;
}

const SIDE = 280; // of the square, in pixels
const PEN = 22; // width of a line

/** Return a drawing [280, 280], 255 for ink, of strokes with round ends. */
export function ink(strokes) {
  const paper = new Uint8Array(SIDE * SIDE);
  for (const stroke of strokes) stroke.forEach((_, i) => {
    const [x0, y0, x1, y1] = [...stroke[Math.max(0, i - 1)], ...stroke[i]].map((v) => v * SIDE);
    const length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    const reach = (a, b) => [Math.max(0, Math.floor(Math.min(a, b) - PEN / 2)),
      Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + PEN / 2))];
    const [[left, right], [top, bottom]] = [reach(x0, x1), reach(y0, y1)];
    for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
      const along = length2 ? ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2 : 0;
      const share = Math.min(1, Math.max(0, along));
      const [dx, dy] = [x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y];
      if (dx * dx + dy * dy <= (PEN / 2) ** 2) paper[y * SIDE + x] = 255;
    }
  });
  return paper;
}

/** Average an image [height, width] into one of [rows, columns], each pixel by its share. */
function shrink(image, height, width, rows, columns) {
  const pass = (get, n, m, lines) => {
    const out = new Float64Array(lines * m);
    for (let j = 0; j < m; j++) {
      const [from, to] = [(j * n) / m, ((j + 1) * n) / m];
      for (let i = Math.floor(from); i < Math.ceil(to); i++) {
        const share = Math.min(i + 1, to) - Math.max(i, from);
        for (let line = 0; line < lines; line++)
          out[line * m + j] += (share * get(line, i)) / (to - from);
      }
    }
    return out;
  };
  const across = pass((y, x) => image[y * width + x], width, columns, height);
  const down = pass((x, y) => across[y * columns + x], height, rows, columns);
  return (y, x) => down[x * rows + y];
}

/** Turn a drawing into 28 × 28 numbers from 0 to 1 like MNIST's: 20 pixels long, mass in the middle. */
export function likeMnist(paper) {
  const image = new Float64Array(784);
  const inked = [...paper.keys()].filter((i) => paper[i]);
  if (!inked.length) return image;
  let [top, bottom, left, right] = [SIDE, 0, SIDE, 0];
  for (const i of inked) {
    const [y, x] = [Math.floor(i / SIDE), i % SIDE];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
  }
  const [height, width] = [bottom - top + 1, right - left + 1];
  const cut = new Float64Array(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
    cut[y * width + x] = paper[(top + y) * SIDE + left + x] / 255;
  const scale = 20 / Math.max(height, width);
  const [rows, columns] = [height, width].map((side) => Math.max(1, Math.round(side * scale)));
  const small = shrink(cut, height, width, rows, columns);
  let [mass, down, across] = [0, 0, 0];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
    mass += small(y, x);
    down += y * small(y, x);
    across += x * small(y, x);
  }
  const place = (centre, side) => Math.min(28 - side, Math.max(0, Math.round(14 - centre / mass)));
  const [y0, x0] = [place(down, rows), place(across, columns)];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++)
    image[(y0 + y) * 28 + x0 + x] = small(y, x);
  return image;
}

const greys = (image) => [...image].map((share) => Math.round(255 * share));

/** The lessons' networks, by lesson; each has a script of its own. */
export const networks = {};

/** Put a live pad or plane into an element that names its network, a pad several. */
export async function start(place) {
  const lessons = place.dataset.network.split(" ");
  const unpacked = (lesson) => Promise.all(networks[lesson].layers.map(unpack));
  const [network, ...others] = await Promise.all(lessons.map(unpacked));
  const { plane } = networks[lessons[0]];
  place.replaceChildren(); // the still picture, which stays where a browser can't unpack
  if (place.dataset.alive === "pad") {
    const names = others.length ? lessons.map((lesson) => `Lesson ${lesson.slice(0, 2)}`) : undefined;
    const read = (image) => {
      const answers = [network, ...others].map((layers) => [...run(layers, image)]);
      return names ? answers : answers[0];
    };
    const predict = (strokes) => {
      const image = likeMnist(ink(strokes));
      return { seen: greys(image), probabilities: strokes.length ? read(image) : null };
    };
    pad.mount(place, { recorded, predict, names }).show(recorded[3], predict(recorded[3]));
  } else {
    const decode = (code) => ({ seen: greys(run(network, code)), height: 28, width: 28 });
    explorer.mount(place, { plane, decode }).show([0, 0], decode([0, 0]));
  }
}
