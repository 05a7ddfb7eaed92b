// Which words were taken for which, lost and added. A click shows where.

const MOST_LINES = 25;

function wordTable(title, note, columns, lines) {
  if (!lines.length) return null;
  const rowsOf = (some) => some.map(([cells, filter]) => pressable(el("tr", {}, cells.map((cell, n) =>
    el("td", n < cells.length - columns.numbers ? {} : { class: "number" }, typeof cell === "number" ? count(cell) : typeof cell === "string" ? el("bdi", {}, visible(short(cell))) : cell))), () => addFilter(filter)));
  const body = el("tbody", {}, rowsOf(lines.slice(0, MOST_LINES)));
  const more = lines.length > MOST_LINES ? el("button", { type: "button", onclick: () => { body.append(...rowsOf(lines.slice(MOST_LINES))); more.remove(); } }, `${count(lines.length - MOST_LINES)} more`) : null;
  return card(title, note, el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, columns.names.map((name, n) => el("th", n < columns.names.length - columns.numbers ? {} : { class: "number" }, name)))), body), more));
}

function drawWords() {
  const { substitutions, deletions, insertions, undercount } = head.confusions;
  const note = undercount ? `a number may be up to ${count(undercount)} too low` : "click for the utterances";
  const cards = [
    wordTable("Taken for another", note, { names: ["said", "heard", "times"], numbers: 1 }, substitutions.map(([said, heard, times]) => [[said, heard, times], pack("S", said, heard)])),
    wordTable("Lost", "and how many of all times that it was said", { names: ["said", "lost", "share"], numbers: 2 }, deletions.map(([word, times, all]) => [[word, times, el("span", {}, perCent(times / all, 0))], pack("D", word)])),
    wordTable("Added", "nobody said them", { names: ["heard", "times"], numbers: 1 }, insertions.map(([word, times]) => [[word, times], pack("I", word)])),
  ].filter(Boolean);
  fill($("words").querySelector(".grid"), ...cards);
  $("words").hidden = !cards.length;
}

// What trips a guard, what only differs as it is written, what all runs contradict.
function drawFlags() {
  const bits = head.flags.map((_, bit) => head.columns.flags.reduce((sum, flags) => sum + ((flags >> bit) & 1), 0));
  const entries = head.flags.map((flag, bit) => [flag.name, flag.meaning, bits[bit], pack("flag", flag.name)]);
  let numSpelled = 0;
  for (let k = 0; k < head.num_rows; k++) if (isSpellingOnly(k, 0)) numSpelled++;
  entries.push(["differs only as written", "right once both texts are normalized", numSpelled, pack("spelling")]);
  if (head.comparison?.num_agreed) entries.push(["suspect references", `all runs heard the same other words (of ${count(head.comparison.num_agreed)} where they agree)`, head.comparison.suspects.length, pack("suspect")]);
  for (const [name, code] of [["failed", 1], ["skipped", 2]]) {
    const number = head.columns.status.filter((one) => one === code).length;
    if (number) entries.push([name, code === 1 ? "no hypothesis, each with its reason" : skippedInWords(head.summary), number, pack("status", name)]);
  }
  const seen = entries.filter(([, , number]) => number), others = entries.filter(([, , number]) => !number);
  fill($("flags").querySelector(".flaglist"),
    seen.map(([name, meaning, number, filter]) => el("button", { class: "flagcard", type: "button", onclick: () => addFilter(filter) }, el("b", {}, count(number)), el("span", {}, name), quiet(meaning))),
    others.length ? el("p", { class: "quiet none" }, "Not found: ", others.map(([name, meaning], n) => [n ? ", " : null, el("span", { title: meaning }, name)]), ".") : null);
}

