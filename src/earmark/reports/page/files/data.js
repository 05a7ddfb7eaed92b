// The data of the page: unpacked once, then read by row. Nothing is asked of the network.

let head = null;
const chunks = [];
const derived = {};

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function unpacked(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Blocks lie in the page, or, where it is a folder, in scripts that hand them over.
const isFolder = document.documentElement.dataset.mode === "folder";
const waiting = {};
window.earmarkRows = (name, base64) => waiting[name]?.(base64);

function block(name) {
  const here = $(name);
  if (here) {
    const text = here.textContent;
    here.remove();
    return Promise.resolve(text);
  }
  return new Promise((resolve, reject) => {
    waiting[name] = resolve;
    const script = el("script", { src: `data/${name}.js` });
    script.onerror = () => reject(new Error(`data/${name}.js is not beside this page`));
    document.head.append(script);
  });
}

async function loadHead() {
  head = await unpacked(await block("head"));
  const { counts, status } = head.columns;
  derived.runs = [{ label: head.label, summary: head.summary, status, ...counts }, ...head.others];
  for (const run of derived.runs) {
    run.errors = Int32Array.from(run.status, (_, k) => run.substitutions[k] + run.deletions[k] + run.insertions[k]);
  }
  const numbers = new Map(head.columns.numbers.map((one) => [one.name, one]));
  const duration = numbers.get("duration");
  if (duration) {
    const rate = counts.words.map((words, k) => (status[k] === 0 && duration.values[k] ? words / duration.values[k] : null));
    numbers.set("speaking rate", { name: "speaking rate", unit: "words/s", values: rate });
  }
  for (const name of ["words", "errors"]) numbers.set(name, { name, unit: "", values: Array.from(derived.runs[0][name], (number, k) => (status[k] ? null : number)) });
  derived.numbers = numbers;
  derived.categories = new Map(head.columns.categories.map((one) => [one.name, one]));
}

async function loadChunks(tell) {
  for (let number = 0; number < head.num_chunks; number++) {
    chunks.push(await unpacked(await block(`rows-${number}`)));
    tell(chunks.length * head.chunk_rows);
  }
}

// Row k lies in a chunk, at a place.
const at = (k) => [chunks[Math.floor(k / head.chunk_rows)], k % head.chunk_rows];
const idOf = (k) => { const [chunk, i] = at(k); return chunk.ids[i]; };
const reasonOf = (k, run) => { const [chunk, i] = at(k); return run ? null : chunk.reasons[i]; };
const referenceOf = (k) => { const [chunk, i] = at(k); return chunk.texts[4 * i]; };
const errorsOf = (k, run) => derived.runs[run].errors[k];
const statusOf = (k, run) => derived.runs[run].status[k];
const wordsOf = (k, run) => derived.runs[run].words[k];
const rateOf = (k, run) => (statusOf(k, run) !== 0 ? null : wordsOf(k, run) ? errorsOf(k, run) / wordsOf(k, run) : errorsOf(k, run) ? Infinity : 0);

function hypothesisOf(k, run) {
  const [chunk, i] = at(k);
  const entry = run ? chunk.others[run - 1].texts[2 * i] : chunk.texts[4 * i + 2];
  return entry === 0 ? chunk.texts[4 * i] : entry;
}

function alignmentOf(k, run) {
  const [chunk, i] = at(k);
  return run ? chunk.others[run - 1].alignments[i] : chunk.alignments[i];
}

const spelled = (raw, entry) => (raw === 0 ? joined(entry) : raw === 1 ? joined(entry).toUpperCase() : raw);

function rawReferenceOf(k) {
  const [chunk, i] = at(k);
  return spelled(chunk.texts[4 * i + 1], chunk.texts[4 * i]);
}

function rawHypothesisOf(k, run) {
  const [chunk, i] = at(k);
  return spelled(run ? chunk.others[run - 1].texts[2 * i + 1] : chunk.texts[4 * i + 3], hypothesisOf(k, run));
}

const itemsOf = (k, run, most) => aligned(tokensOf(referenceOf(k), most), tokensOf(hypothesisOf(k, run), most), alignmentOf(k, run));

