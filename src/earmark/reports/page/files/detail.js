// All of one utterance: its words in columns, its texts as they were written, its sound, and what is known of it.

const MOST_COLUMNS = 400, MOST_CHARACTERS = 20000;

function long(text) {
  if (text === null || text === undefined) return quiet("none");
  if (text === "") return quiet("(empty)");
  if (text.length <= MOST_CHARACTERS) return el("bdi", {}, visible(text));
  return [el("bdi", {}, visible(text.slice(0, MOST_CHARACTERS))), quiet(` … and ${count(text.length - MOST_CHARACTERS)} more characters: a copy or CSV has all`)];
}

function columnsOf(k, run) {
  const found = [];
  for (const item of itemsOf(k, run, MOST_COLUMNS)) found.push(column(item));
  const text = joined(referenceOf(k)) || joined(hypothesisOf(k, run)) || "";
  return el("div", { class: "columns", dir: directionOf(text.slice(0, 200)) }, found, found.length >= MOST_COLUMNS ? quiet(`… of ${plural(wordsOf(k, run), "word")}`) : null);
}

function alignmentOfRun(k, run) {
  const status = statusOf(k, run), one = derived.runs[run];
  const title = derived.runs.length > 1 ? el("h4", {}, visible(one.label), quiet(status === 0 ? ` ${perCent(rateOf(k, run), 1)}` : "")) : null;
  if (status !== 0) return el("div", {}, title, el("p", {}, diffLine(k, run)));
  return el("div", {}, title, columnsOf(k, run));
}

function factsOf(k) {
  const facts = [];
  for (const [name, one] of derived.numbers) if (one.values[k] !== null && one.values[k] !== undefined) facts.push([name, `${tidy(one.values[k])}${one.unit ? ` ${one.unit}` : ""}`]);
  const { character_errors: wrong, reference_characters: all } = head.columns.counts;
  if (all[k]) facts.push(["CER", perCent(wrong[k] / all[k], 1)]);
  for (const [name, one] of derived.categories) if (one.codes[k] >= 0) facts.push([name, one.names[one.codes[k]]]);
  return el("dl", { class: "facts" }, facts.map(([name, value]) => [el("dt", {}, visible(name)), el("dd", {}, el("bdi", {}, visible(short(value))))]));
}

function writtenOf(k) {
  const lines = [["said", rawReferenceOf(k)]];
  derived.runs.forEach((run, n) => { if (statusOf(k, n) !== -1) lines.push([derived.runs.length > 1 ? run.label : "heard", rawHypothesisOf(k, n)]); });
  return el("div", { class: "written" }, el("h4", {}, "as written"), lines.map(([who, text]) => el("p", { dir: directionOf((text || "").slice(0, 200)) }, el("b", { class: "quiet" }, visible(`${short(who)} `)), long(text))));
}

function drawDetail() {
  const k = state.selected, place = $("detail");
  if (k === null || !view.length) return fill(place, el("p", { class: "quiet" }, "No utterance is chosen. Take a filter away, or search for something else."));
  const url = urlOf(k);
  if (url !== null && player.dataset.row !== String(k)) {
    player.pause();
    player.dataset.row = k;
    player.src = url;
  }
  drawn = wave(k);
  const times = timedWords(k);
  const flags = head.flags.filter((_, bit) => head.columns.flags[k] & (1 << bit));
  fill(place, el("div", { class: "title" }, el("h3", {}, el("bdi", {}, visible(short(idOf(k))))), el("button", { type: "button", title: "copy the id (c)", onclick: () => copy(idOf(k), "id") }, "copy id")),
    url === null ? el("p", { class: "quiet", id: "heard" }, visible(whySilent(k))) : el("div", {}, player, drawn?.canvas, times ? el("div", { class: "times", dir: directionOf(head.words[k].map(([word]) => word).join("").slice(0, 200)) }, times) : null, el("p", { class: "quiet", id: "heard" }, head.clips.includes(k) ? null : "from the file beside this page")),
    flags.map((flag) => el("p", { class: "odd" }, el("b", { class: "flag" }, flag.name), ` ${flag.meaning}`)),
    derived.runs.map((_, run) => alignmentOfRun(k, run)),
    writtenOf(k), factsOf(k));
}

