// The charts, drawn as SVG from the slices that the scorer's side worked out, or from the counts of the rows.

const card = (title, note, ...content) => el("figure", { class: "card" }, el("figcaption", {}, el("b", {}, title), note ? quiet(note) : null), content);
const rangeOf = (one, unit) => `${tidy(one.low)}${one.high === null ? "+" : `–${tidy(one.high)}`}${unit ? ` ${unit}` : ""}`;
const tells = (one, name) =>
  `${name}: WER ${perCent(one.wer)}${one.interval ? ` [${perCent(one.interval[0])}, ${perCent(one.interval[1])}]` : ""}, ${plural(one.num_utterances, "utterance")}, ${count(one.num_words)} words${one.is_small ? "; few: says little" : ""}`;

// A round number at or above, for the end of an axis.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((n) => n * power).find((n) => n >= value - 1e-12);
}

function mostOf(slices) {
  const rates = slices.flatMap((one) => [one.wer, ...(one.interval || [])]).filter((rate) => rate !== null && Number.isFinite(rate));
  return ceiling(Math.max(0.01, ...rates));
}

function pressable(element, action) {
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "button");
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter") action();
  });
  return element;
}

const W = 560, H = 230, LEFT = 44, BOTTOM = 40, TOP = 10, RIGHT = 8;

function axis(most, asText = (value) => `${Number((100 * value).toPrecision(3))} %`) {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = H - BOTTOM - part * (H - BOTTOM - TOP);
    return [
      svg("line", { x1: LEFT, x2: W - RIGHT, y1: y, y2: y, class: part ? "gridline" : "baseline" }),
      svg("text", { x: LEFT - 6, y: y + 4, class: "tick end" }, asText(part * most)),
    ];
  });
}

// What is pale, and what has no whisker.
function few(charts) {
  const slices = charts.flatMap((chart) => chart.slices);
  return `${slices.some((one) => one.is_small) ? "; pale: fewer than 30" : ""}${slices.some((one) => one.wer !== null && !one.interval) ? "; fewer than 6 are too few for one" : ""}`;
}

// The rate in bins of a number: a dot with its interval, and how many utterances there are.
function binned(chart) {
  const { slices, unit, column } = chart, shown = spelledOut(column);
  const most = mostOf(slices), step = (W - LEFT - RIGHT) / slices.length;
  const y = (rate) => H - BOTTOM - (Math.min(rate, most) / most) * (H - BOTTOM - TOP);
  const largest = Math.max(...slices.map((one) => one.num_utterances));
  const marks = slices.map((one, n) => {
    const x = LEFT + (n + 0.5) * step;
    const tall = (one.num_utterances / largest) * 26;
    const group = svg("g", { class: one.is_small ? "bin small" : "bin" },
      svg("title", {}, tells(one, `${shown} ${rangeOf(one, unit)}`)),
      svg("rect", { x: LEFT + n * step, y: TOP, width: step, height: H - TOP, class: "catch" }),
      svg("rect", { x: x - step * 0.36, y: H - BOTTOM - tall, width: step * 0.72, height: tall, class: "amount" }),
      one.interval ? svg("path", { d: `M${x} ${y(one.interval[0])}V${y(one.interval[1])}M${x - 4} ${y(one.interval[0])}h8M${x - 4} ${y(one.interval[1])}h8`, class: "whisker" }) : null,
      one.wer === null ? null : svg("circle", { cx: x, cy: y(one.wer), r: 4.5, class: "dot" }),
      slices.length <= 8 || n % 2 === 0 ? svg("text", { x, y: H - BOTTOM + 18, class: "tick middle" }, rangeOf(one, "")) : null);
    return pressable(group, () => addScored(pack("number", column, one.low, one.high ?? "")));
  });
  const path = slices.filter((one) => one.wer !== null).map((one) => `${LEFT + (slices.indexOf(one) + 0.5) * step} ${y(one.wer)}`).join("L");
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": `WER by ${shown}` },
    axis(most), svg("path", { d: `M${path}`, class: "thread" }), marks,
    svg("text", { x: (W + LEFT) / 2, y: H - 2, class: "tick middle" }, unit ? `${shown}, ${unit}` : shown));
}

// The rate of each value of a category: a bar with its interval.
function barred(chart) {
  const slices = [...chart.slices].filter((one) => one.wer !== null).sort((a, b) => b.wer - a.wer);
  const most = mostOf(slices);
  const part = (rate) => `${(100 * Math.min(rate, most)) / most}%`;
  const lines = slices.map((one) =>
    pressable(el("div", { class: one.is_small ? "barline small" : "barline", title: tells(one, spelledOut(one.value)) },
      el("bdi", { class: "name" }, visible(short(one.value))),
      el("span", { class: "track" },
        el("span", { class: "fill", style: { width: part(one.wer) } }),
        one.interval ? el("span", { class: "reach", style: { left: part(one.interval[0]), width: `calc(${part(one.interval[1])} - ${part(one.interval[0])})` } }) : null),
      el("span", { class: "number" }, perCent(one.wer, 1)),
      el("span", { class: "number quiet" }, count(one.num_utterances))),
    () => addScored(pack("category", chart.column, one.value))));
  return el("div", { class: "bars" }, el("div", { class: "barline headline quiet" }, el("span", {}, visible(chart.column)), el("span", {}), el("span", { class: "number" }, "WER"), el("span", { class: "number" }, "utts")),
    lines, chart.num_more ? el("p", { class: "quiet" }, `and ${count(chart.num_more)} more, each with fewer utterances`) : null);
}

function slicesCard() {
  if (!head.charts.length) return null;
  const place = el("div", {});
  const choice = el("select", { "aria-label": "column" }, head.charts.map((chart, n) => el("option", { value: n }, spelledOut(chart.column))));
  const draw = () => {
    const chart = head.charts[Number(choice.value)];
    fill(place, chart.kind === "number" ? binned(chart) : barred(chart));
  };
  choice.addEventListener("change", draw);
  draw();
  const figure = card("", `with 95 % intervals${few(head.charts)}; grey: how many utterances. Click for the utterances`, place);
  figure.classList.add("slices");
  figure.querySelector("b").append("WER by ", choice);
  return figure;
}

// Of categories the first has a card of its own.
function categoryCard() {
  const chart = head.charts.find((one) => one.kind === "category");
  return chart ? card(visible(`WER by ${chart.column}`), `the highest first, with 95 % intervals${few([chart])}`, el("div", { class: "scroll" }, barred(chart))) : null;
}

function curve(pointsOf, label, xText, yText, more) {
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": label },
    axis(yText.most, yText.as),
    svg("path", { d: `M${pointsOf.map(([x, y]) => `${(LEFT + x * (W - LEFT - RIGHT)).toFixed(1)} ${(H - BOTTOM - y * (H - BOTTOM - TOP)).toFixed(1)}`).join("L")}`, class: "line" }),
    [0, 0.5, 1].map((x) => svg("text", { x: LEFT + x * (W - LEFT - RIGHT), y: H - BOTTOM + 18, class: `tick ${["", "middle", "end"][2 * x]}` }, xText(x))), more);
}

function cumulativeCard() {
  const errors = derived.runs[0].errors.filter((_, k) => statusOf(k, 0) === 0).sort().reverse();
  const total = errors.reduce((sum, one) => sum + one, 0);
  if (!total || errors.length < 2) return null;
  const every = Math.max(1, Math.floor(errors.length / 200));
  const found = [[0, 0]];
  let sum = 0;
  let twentieth = 0;
  errors.forEach((one, n) => {
    sum += one;
    if (n + 1 === Math.max(1, Math.round(errors.length / 20))) twentieth = sum;
    if ((n + 1) % every === 0 || n === errors.length - 1) found.push([(n + 1) / errors.length, sum / total]);
  });
  const share = Math.round((100 * twentieth) / total);
  const figure = curve(found, "cumulative errors", (x) => `${100 * x} %`, { most: 1 },
    svg("text", { x: (W + LEFT) / 2, y: H - 2, class: "tick middle" }, "of the utterances, the worst first"));
  const worst = errors.length < 20 ? `the worst of ${errors.length} utterances has` : "the worst 5 % of the utterances have";
  return card("How errors gather", `${worst} ${share} % of the errors`, figure);
}

function histogramCard() {
  const numbers = new Map();
  for (let k = 0; k < head.num_rows; k++) if (statusOf(k, 0) === 0) {
    const bin = Math.min(errorsOf(k, 0), 20);
    numbers.set(bin, (numbers.get(bin) || 0) + 1);
  }
  if (!numbers.size) return null;
  const last = Math.max(...numbers.keys());
  const most = 4 * Math.ceil(ceiling(Math.max(...numbers.values())) / 4); // each line of the axis is a whole number
  const step = (W - LEFT - RIGHT) / (last + 1);
  const columns = Array.from({ length: last + 1 }, (_, n) => {
    const number = numbers.get(n) || 0;
    const tall = (number / most) * (H - BOTTOM - TOP);
    const x = LEFT + n * step;
    return pressable(svg("g", { class: "bin" },
      svg("title", {}, `${plural(number, "utterance")} with ${n}${n === 20 ? " or more" : ""} errors`),
      svg("rect", { x, y: TOP, width: step, height: H - TOP, class: "catch" }),
      svg("rect", { x: x + step * 0.12, y: H - BOTTOM - tall, width: step * 0.76, height: tall, class: n ? "fillbar" : "fillbar right" }),
      last < 12 || n % 5 === 0 ? svg("text", { x: x + step / 2, y: H - BOTTOM + 18, class: "tick middle" }, n === 20 ? "20+" : n) : null),
    () => addScored(pack("number", "errors", n, n === 20 ? "" : n + 1)));
  });
  return card("Errors in an utterance", numbers.get(0) ? "green: none" : null, svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": "errors in an utterance" },
    axis(most, (value) => count(Math.round(value))), columns, svg("text", { x: (W + LEFT) / 2, y: H - 2, class: "tick middle" }, "word errors")));
}

function overTimeCard() {
  const seen = head.progress.filter(([, , wer]) => wer !== null);
  if (seen.length < 3) return null;
  const from = head.progress_from_ms ?? seen[0][1], until = seen.at(-1)[1];
  if (until <= from) return null;
  const most = ceiling(Math.max(0.01, ...seen.map(([, , wer]) => wer)));
  const figure = curve(seen.map(([, ms, wer]) => [(ms - from) / (until - from), wer / most]), "WER while the run went on", (x) => spoken((x * (until - from)) / 1000), { most },
    svg("text", { x: (W + LEFT) / 2, y: H - 2, class: "tick middle" }, "time in the last attempt"));
  const speed = seen.at(-1)[3];
  return card("WER so far, while it ran", speed ? `at its end ${tidy(speed)} s of audio a second` : "longest utterances first", figure);
}

function workersCard() {
  const workers = head.workers.filter((worker) => worker.could_s > 0);
  if (!workers.length) return null;
  const lines = workers.slice(0, 64).map((worker) => {
    const all = worker.could_s;
    const share = (seconds) => `${Math.min(100, (100 * seconds) / all)}%`;
    return el("div", { class: "barline", title: `recognizing ${spoken(worker.compute_s)}, with a shard ${spoken(worker.worker_s)}, of ${spoken(all)} after the start-up` },
      el("bdi", { class: "name" }, visible(`${worker.rank} ${worker.device} ${worker.host}`)),
      el("span", { class: "track" }, el("span", { class: "fill pale", style: { width: share(worker.worker_s) } }), el("span", { class: "fill", style: { width: share(worker.compute_s) } })),
      el("span", { class: "number" }, perCent(worker.compute_s / all, 0)),
      el("span", { class: "number quiet" }, count(worker.num_parts)));
  });
  const waited = head.summary.waited_share;
  const note = `dark: recognizing; pale: decoding and waiting${waited === null || waited === undefined ? "" : `, of which ${perCent(waited, 1)} waiting for audio`}`;
  return card("How the workers spent their time", note, el("div", { class: "bars" },
    el("div", { class: "barline headline quiet" }, el("span", {}, "worker"), el("span", {}), el("span", { class: "number" }, "recognizing"), el("span", { class: "number" }, "shards")), lines));
}

function drawCharts() {
  const cards = [slicesCard(), categoryCard(), cumulativeCard(), histogramCard(), overTimeCard(), workersCard()].filter(Boolean);
  fill($("charts").querySelector(".grid"), ...cards);
  $("charts").hidden = !cards.length;
}

