// What is chosen: a search, filters, an order. All of it is in the URL's hash, so that a view can be sent to somebody.

const state = { query: "", filters: [], sort: "errors", isUp: false, run: 0, isRaw: false, selected: null };

const pack = (...parts) => parts.map((part) => encodeURIComponent(part)).join("|");
const unpack = (filter) => filter.split("|").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });

function readHash(hash) {
  const given = new URLSearchParams(hash.slice(1));
  state.query = given.get("q") || "";
  state.filters = given.getAll("f");
  state.sort = given.get("sort") || "errors";
  state.isUp = given.get("up") === "1";
  state.run = Math.min(Math.max(0, Number(given.get("run")) || 0), derived.runs.length - 1);
  state.isRaw = given.get("raw") === "1";
  state.wanted = given.get("u");
}

// A moment later: browsers refuse an address that changes with every key.
function writeHash() {
  clearTimeout(writeHash.timer);
  writeHash.timer = setTimeout(writeHashNow, 120);
}

function writeHashNow() {
  const given = new URLSearchParams();
  if (state.query) given.set("q", state.query);
  for (const filter of state.filters) given.append("f", filter);
  if (state.sort !== "errors") given.set("sort", state.sort);
  if (state.isUp) given.set("up", "1");
  if (state.run) given.set("run", state.run);
  if (state.isRaw) given.set("raw", "1");
  if (state.selected !== null) given.set("u", idOf(state.selected));
  history.replaceState(null, "", `#${given}`);
}

// The search as a test of a text: /regular expression/, or the very words. Null: everything fits; an error is told.
function searcher(query) {
  if (!query) return null;
  const given = /^\/(.+)\/$/.exec(query);
  const source = given ? given[1] : query.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  try {
    return new RegExp(source, "iu");
  } catch {
    return new RegExp(source, "i");
  }
}

function isFound(pattern, k) {
  const [chunk, i] = at(k);
  if (pattern.test(chunk.ids[i])) return true;
  for (let n = 4 * i; n < 4 * i + 4; n++) {
    const entry = chunk.texts[n];
    if (typeof entry === "string" ? pattern.test(entry) : Array.isArray(entry) && pattern.test(entry.join(""))) return true;
  }
  return chunk.others.some(({ texts }) => [texts[2 * i], texts[2 * i + 1]].some((entry) =>
    typeof entry === "string" ? pattern.test(entry) : Array.isArray(entry) && pattern.test(entry.join(""))));
}

function hasItem(k, run, letter, said, heard) {
  if (!errorsOf(k, run)) return false;
  for (const item of itemsOf(k, run))
    if (item.letter === letter && (said === null || item.said === said) && (heard === null || item.heard === heard)) return true;
  return false;
}

function isSpellingOnly(k, run) {
  if (statusOf(k, run) !== 0 || errorsOf(k, run)) return false;
  const [chunk, i] = at(k);
  // The same number stands for the same text where the normalized ones are the same.
  if (!run && chunk.texts[4 * i + 2] === 0 && typeof chunk.texts[4 * i + 1] === "number" && chunk.texts[4 * i + 1] === chunk.texts[4 * i + 3]) return false;
  return rawReferenceOf(k) !== rawHypothesisOf(k, run);
}

// Both right, only the first, only the other, both wrong.
const quadrantOf = (k, run) => (statusOf(k, 0) || statusOf(k, run) ? null : (errorsOf(k, 0) ? 2 : 0) + (errorsOf(k, run) ? 1 : 0));
const QUADRANTS = ["both right", "right only in the first", "right only in the other", "both wrong"];

const FILTERS = {
  number: {
    test: (name, low, high) => {
      const column = name === "WER %" ? null : derived.numbers.get(name);
      const least = low === "" ? -Infinity : Number(low), most = high === "" ? Infinity : Number(high);
      const value = name === "WER %" ? (k) => (rateOf(k, state.run) === null ? null : 100 * rateOf(k, state.run))
        : name === "errors" ? (k) => (statusOf(k, state.run) ? null : errorsOf(k, state.run)) : (k) => column?.values[k];
      return (k) => { const found = value(k); return found !== null && found !== undefined && found >= least && found < most; };
    },
    says: (name, low, high) => (high === "" ? `${name} ≥ ${low}` : low === "" ? `${name} < ${high}` : `${low} ≤ ${name} < ${high}`),
  },
  category: {
    test: (name, value) => {
      const column = derived.categories.get(name);
      const code = column ? column.names.indexOf(value) : -2;
      return (k) => column?.codes[k] === code;
    },
    says: (name, value) => `${name} ${value}`,
  },
  flag: {
    test: (name) => { const bit = 1 << head.flags.findIndex((one) => one.name === name); return (k) => (head.columns.flags[k] & bit) !== 0; },
    says: (name) => `flag ${name}`,
  },
  status: { test: (name) => { const code = ["scored", "failed", "skipped"].indexOf(name); return (k) => statusOf(k, state.run) === code; }, says: (name) => name },
  S: { test: (said, heard) => (k) => hasItem(k, state.run, "S", said, heard), says: (said, heard) => `${said} → ${heard}` },
  D: { test: (said) => (k) => hasItem(k, state.run, "D", said, null), says: (said) => `lost ${said}` },
  I: { test: (heard) => (k) => hasItem(k, state.run, "I", null, heard), says: (heard) => `added ${heard}` },
  spelling: { test: () => (k) => isSpellingOnly(k, state.run), says: () => "differs only as written" },
  suspect: { test: () => { const set = new Set(head.comparison?.suspects); return (k) => set.has(k); }, says: () => "all runs contradict the reference alike" },
  quadrant: { test: (run, kind) => (k) => quadrantOf(k, Number(run)) === Number(kind), says: (run, kind) => `${QUADRANTS[kind]} (${derived.runs[run]?.label})` },
  cell: {
    test: (run, a, b) => (k) => quadrantOf(k, Number(run)) !== null && Math.min(errorsOf(k, 0), MOST_CELL) === Number(a) && Math.min(errorsOf(k, Number(run)), MOST_CELL) === Number(b),
    says: (run, a, b) => `errors ${a}${Number(a) === MOST_CELL ? "+" : ""} in the first, ${b}${Number(b) === MOST_CELL ? "+" : ""} in ${derived.runs[run]?.label}`,
  },
};
const MOST_CELL = 9;

const saysOf = (filter) => { const [kind, ...parts] = unpack(filter); return FILTERS[kind] ? FILTERS[kind].says(...parts) : filter; };

// The rows that are chosen, in their order.
function chosen() {
  const pattern = searcher(state.query);
  const tests = state.filters.map(unpack).filter(([kind]) => FILTERS[kind]).map(([kind, ...parts]) => FILTERS[kind].test(...parts));
  const found = new Uint32Array(head.num_rows);
  let number = 0;
  next: for (let k = 0; k < head.num_rows; k++) {
    for (const test of tests) if (!test(k)) continue next;
    if (pattern && !isFound(pattern, k)) continue;
    found[number++] = k;
  }
  return ordered(found.subarray(0, number));
}

function sortKeys() {
  const keys = [["errors", "errors"], ["wer", "WER"], ["order", "order of the data"], ["id", "id"]];
  for (let run = 1; run < derived.runs.length; run++) keys.push([`delta:${run}`, `errors more in ${derived.runs[run].label}`]);
  for (const name of derived.numbers.keys()) if (name !== "errors") keys.push([name, name]);
  return keys;
}

function keyOf(sort) {
  const run = state.run;
  if (sort === "wer") return (k) => rateOf(k, run) ?? -1;
  if (sort === "order") return (k) => -k;
  if (sort.startsWith("delta:")) {
    const other = Math.min(Number(sort.slice(6)) || 0, derived.runs.length - 1);
    return (k) => (quadrantOf(k, other) === null ? -1e9 : errorsOf(k, other) - errorsOf(k, 0));
  }
  const column = derived.numbers.get(sort);
  if (column && sort !== "errors") return (k) => column.values[k] ?? -Infinity;
  // Of as many errors the higher rate first.
  return (k) => { const rate = rateOf(k, run); return rate === null ? -1 : errorsOf(k, run) + (rate === Infinity ? 0.999 : rate / (1.001 + rate)); };
}

function ordered(found) {
  const sign = state.isUp ? -1 : 1;
  if (state.sort === "id") {
    const ids = Array.from(found, (k) => [idOf(k), k]);
    ids.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1] - b[1]));
    return Uint32Array.from(ids, (one) => one[1]);
  }
  // A key and its row in one number each: sorted without a call for every pair. The bits of a float, its sign turned,
  // ascend as it does.
  const key = keyOf(state.sort);
  const float = new Float32Array(1), bits = new Uint32Array(float.buffer);
  const pairs = new BigUint64Array(found.length), halves = new Uint32Array(pairs.buffer);
  found.forEach((k, n) => {
    float[0] = key(k);
    const ascending = bits[0] & 0x80000000 ? ~bits[0] : bits[0] | 0x80000000;
    halves[2 * n] = k;
    halves[2 * n + 1] = state.isUp ? ascending : ~ascending;
  });
  pairs.sort();
  return found.map((_, n) => halves[2 * n]);
}

// What a chart counted: of the first run, and only what is scored.
function addScored(filter) {
  state.run = 0;
  const scored = pack("status", "scored");
  if (head.columns.status.some(Boolean) && !state.filters.includes(scored)) state.filters.push(scored);
  addFilter(filter);
}

function addFilter(filter) {
  if (!state.filters.includes(filter)) state.filters.push(filter);
  changed();
  $("utterances").scrollIntoView({ block: "start" });
}

