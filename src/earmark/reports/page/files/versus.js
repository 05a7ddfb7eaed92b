// Runs beside the first one: the difference with its interval, who was right where, and the same by slice.

function differencePicture(pair) {
  if (!pair.interval) return null;
  const { low, high } = pair.interval;
  const most = ceiling(Math.max(Math.abs(low), Math.abs(high), Math.abs(pair.delta_wer)) * 1.05);
  const x = (delta) => 150 + (delta / most) * 144;
  return svg("svg", { viewBox: "0 0 300 36", class: "range", role: "img", "aria-label": "the 95 % interval of the difference" },
    svg("line", { x1: 4, x2: 296, y1: 12, y2: 12, class: "baseline" }), svg("line", { x1: 150, x2: 150, y1: 3, y2: 21, class: "baseline" }),
    svg("line", { x1: x(low), x2: x(high), y1: 12, y2: 12, class: "reachline" }), svg("circle", { cx: x(pair.delta_wer), cy: 12, r: 5.5, class: "dot" }),
    svg("text", { x: 4, y: 33, class: "tick" }, `${points(-most)} better`), svg("text", { x: 150, y: 33, class: "tick middle" }, "0"), svg("text", { x: 296, y: 33, class: "tick end" }, `worse ${points(most)}`));
}

function quadrants(run) {
  const numbers = [0, 0, 0, 0];
  for (let k = 0; k < head.num_rows; k++) { const kind = quadrantOf(k, run); if (kind !== null) numbers[kind]++; }
  const says = ["both right", "only the first is right", "only this one is right", "both wrong"];
  return el("div", { class: "quadrants" }, numbers.map((number, kind) => el("button", { type: "button", class: `q${kind}`, disabled: !number, onclick: () => { state.run = run; state.sort = `delta:${run}`; addFilter(pack("quadrant", run, kind)); } }, el("b", {}, count(number)), el("span", {}, says[kind]))));
}

// How many utterances have so many errors here and so many there: darker is more.
function errorGrid(run) {
  const cells = Array.from({ length: MOST_CELL + 1 }, () => new Array(MOST_CELL + 1).fill(0));
  for (let k = 0; k < head.num_rows; k++) if (quadrantOf(k, run) !== null) cells[Math.min(errorsOf(k, 0), MOST_CELL)][Math.min(errorsOf(k, run), MOST_CELL)]++;
  const most = Math.max(1, ...cells.flat());
  const size = 22, left = 26, bottom = 26, all = size * (MOST_CELL + 1);
  const marks = cells.flatMap((row, a) => row.map((number, b) => {
    const x = left + a * size, y = all - (b + 1) * size;
    const group = svg("g", { class: "bin" }, svg("title", {}, spelledOut(`${plural(number, "utterance")}: ${a} errors in ${derived.runs[0].label}, ${b} in ${derived.runs[run].label}`)),
      svg("rect", { x: x + 1, y: y + 1, width: size - 2, height: size - 2, rx: 3, class: a === b ? "cell same" : "cell" }),
      number ? svg("rect", { x: x + 1, y: y + 1, width: size - 2, height: size - 2, rx: 3, class: b > a ? "cell worse" : b < a ? "cell better" : "cell equal", "fill-opacity": (0.15 + 0.85 * (Math.log(1 + number) / Math.log(1 + most))).toFixed(2) }) : null);
    return number ? pressable(group, () => { state.sort = `delta:${run}`; addFilter(pack("cell", run, a, b)); }) : group;
  }));
  const ticks = [0, 3, 6, 9].flatMap((n) => [svg("text", { x: left + (n + 0.5) * size, y: all + 14, class: "tick middle" }, n === MOST_CELL ? "9+" : n), svg("text", { x: left - 6, y: all - (n + 0.5) * size + 4, class: "tick end" }, n === MOST_CELL ? "9+" : n)]);
  return el("figure", { class: "errorgrid" }, svg("svg", { viewBox: `0 0 ${left + all + 4} ${all + bottom}`, role: "img", "aria-label": "errors here and there" }, marks, ticks),
    el("figcaption", { class: "quiet" }, visible(`across: errors in ${derived.runs[0].label}; up: errors in ${derived.runs[run].label}`)));
}

function sliceTable(pair) {
  const slices = pair.slices.filter((one) => one.value !== "(none)");
  if (!slices.length) return null;
  const legend = [slices.some((one) => one.is_small) ? "pale: fewer than 30 utterances" : "", slices.some((one) => one.wer_a !== null && !one.interval) ? "–: fewer than 6, too few for an interval" : ""].filter(Boolean).join("; ");
  return el("div", {}, el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["slice", "utts", "first", "this", "difference", "95 % interval"].map((name, n) => el("th", n ? { class: "number" } : {}, name)))),
    el("tbody", {}, slices.map((one) => el("tr", { class: one.is_small ? "small" : null }, el("td", {}, el("bdi", {}, visible(`${one.column} ${one.value}`))),
      [count(one.num_utterances), perCent(one.wer_a), perCent(one.wer_b), points(one.delta_wer), one.interval ? `${points(one.interval.low)} to ${points(one.interval.high)}` : "–"].map((cell) => el("td", { class: "number" }, cell))))))), legend ? quiet(legend) : null);
}

function drawVersus() {
  const comparison = head.comparison;
  $("compare").hidden = !comparison;
  if (!comparison) return;
  const others = Object.entries(comparison.left_out).map(([why, number]) => `${plural(number, "utterance")} left out: ${why}`);
  const cards = comparison.pairs.map((pair, n) => el("article", { class: "card pair" },
    el("h3", {}, visible(`${pair.b} against ${pair.a}`)),
    el("p", { class: `sentence ${pair.verdict}` }, visible(pair.sentence)),
    el("div", { class: "sides" },
      el("div", {}, el("div", { class: "tiles" }, tile(pair.a, perCent(pair.wer_a)), tile(pair.b, perCent(pair.wer_b)), tile("difference, points", points(pair.delta_wer), pair.interval ? `95 % interval ${points(pair.interval.low)} to ${points(pair.interval.high)}` : null), tile(comparison.pairs.length > 1 ? "p (Holm)" : "p", pair.p_adjusted < 0.001 ? "< 0.001" : fixed(pair.p_adjusted, 3), "paired permutation test")), differencePicture(pair), quadrants(n + 1), sliceTable(pair)),
      errorGrid(n + 1))));
  fill($("compare").querySelector("div"), el("p", { class: "quiet" }, visible([`${plural(comparison.num_utterances, "utterance")} and ${plural(comparison.num_reference_words, "word")} that all runs have scored.`, ...others].join(" "))), ...cards);
}

