// One line of the list: the numbers, who and how long, and the words around the first error.

const MOST_IN_LINE = 48, BEFORE_ERROR = 8;

function diffLine(k, run) {
  const status = statusOf(k, run);
  if (status === -1) return quiet("this run has no such utterance");
  if (status !== 0) return el("span", { class: "problem" }, visible([["", "failed", "skipped"][status], reasonOf(k, run)].filter(Boolean).join(": ").slice(0, 300)));
  if (state.isRaw) return el("span", {}, visible((rawHypothesisOf(k, run) ?? "").slice(0, 600)));
  const items = [];
  let first = -1, number = 0, later = false;
  for (const item of itemsOf(k, run, 4000)) {
    if (first < 0 && item.letter !== "=") first = number;
    number++;
    items.push(item);
    if (number - Math.max(first, 0) > MOST_IN_LINE) { later = true; break; }
  }
  if (!items.length) return quiet("nothing was said, nothing was heard");
  const from = Math.max(0, first - BEFORE_ERROR);
  return [from ? "… " : null, items.slice(from, from + MOST_IN_LINE).map((item) => [inline(item), " "]), later || items.length > from + MOST_IN_LINE ? "…" : null];
}

function lineOf(k, isSelected) {
  const run = state.run, rate = rateOf(k, run);
  const counts = derived.runs[run];
  const speaker = derived.categories.get("speaker"), duration = derived.numbers.get("duration");
  const known = [duration?.values[k] ? `${duration.values[k].toFixed(1)} s` : null, speaker && speaker.codes[k] >= 0 ? short(speaker.names[speaker.codes[k]]) : null].filter(Boolean);
  const kinds = ["S", "D", "I"].map((letter, n) => [letter, [counts.substitutions, counts.deletions, counts.insertions][n][k]]).filter(([, number]) => number);
  const text = joined(referenceOf(k)) || joined(hypothesisOf(k, run)) || "";
  return el("div", { class: isSelected ? "row selected" : "row", role: "option", "aria-selected": String(isSelected), "data-row": k },
    el("div", { class: "rate" }, el("b", {}, statusOf(k, run) === 0 ? perCent(rate, rate >= 1 ? 0 : 1) : "–"), quiet(statusOf(k, run) === 0 ? `${errorsOf(k, run)} / ${wordsOf(k, run)}` : "")),
    el("div", { class: "what" },
      el("div", { class: "who quiet" }, el("bdi", { class: "id" }, visible(short(idOf(k)))), known.map((one) => el("bdi", {}, visible(one))),
        el("span", { class: "kinds" }, kinds.map(([letter, number]) => el("span", { class: letter }, `${letter}\u2009${number}`))),
        head.flags.filter((_, bit) => head.columns.flags[k] & (1 << bit)).map((flag) => el("span", { class: "flag" }, flag.name))),
      el("div", { class: "text", dir: directionOf(text.slice(0, 200)) }, diffLine(k, run))),
    el("button", { class: "play", type: "button", "aria-label": "play", disabled: urlOf(k) === null, title: urlOf(k) === null ? whySilent(k) : head.clips.includes(k) ? "play (space)" : "play the file beside this page (space)" }, "▶"));
}

