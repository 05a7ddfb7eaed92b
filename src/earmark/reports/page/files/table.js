// The list: as many lines in the document as one can see, whatever the number of rows.

const ROW = 68;
const TALLEST = 12e6; // pixels; browsers end an element's height not far beyond
let view = new Uint32Array(0);

const listHeight = () => Math.min(view.length * ROW, TALLEST);

function paint() {
  const spacer = $("spacer");
  const { scrollTop, clientHeight: seen } = $("list"); // read before anything is written, so that nothing is laid out twice
  const height = listHeight();
  const top = Math.min(scrollTop, Math.max(0, height - seen));
  const offset = height < TALLEST ? top : (top / Math.max(1, height - seen)) * (view.length * ROW - seen);
  spacer.style.setProperty("height", `${height}px`);
  const first = Math.max(0, Math.floor(offset / ROW) - 2);
  const last = Math.min(view.length, first + Math.ceil(seen / ROW) + 5);
  const lines = [];
  for (let place = first; place < last; place++) {
    const line = lineOf(view[place], view[place] === state.selected);
    line.style.setProperty("top", `${top + place * ROW - offset}px`);
    lines.push(line);
  }
  fill(spacer, ...lines);
}

function reveal(place) {
  const list = $("list"), height = listHeight(), seen = list.clientHeight;
  if (height < TALLEST) {
    const top = place * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + seen) list.scrollTop = top + ROW - seen;
  } else list.scrollTop = (Math.max(0, place * ROW - seen / 2) / (view.length * ROW - seen)) * (height - seen);
}

function select(k, isQuiet) {
  state.selected = k;
  if (!isQuiet) writeHash();
  paint();
  drawDetail();
}

function move(step) {
  if (!view.length) return;
  const now = view.indexOf(state.selected);
  const place = now < 0 ? 0 : Math.min(view.length - 1, Math.max(0, now + step));
  reveal(place);
  select(view[place]);
}

function drawChips() {
  const chips = state.filters.map((filter) =>
    el("button", { class: "chip", type: "button", title: "take this filter away", onclick: () => { state.filters = state.filters.filter((one) => one !== filter); changed(); } },
      el("bdi", {}, visible(short(saysOf(filter)))), " ×"));
  if (chips.length > 1 || (chips.length && state.query)) chips.push(el("button", { class: "chip all", type: "button", onclick: clearAll }, "all away"));
  fill($("chips"), ...chips);
}

function clearAll() {
  state.filters = [];
  state.query = "";
  changed();
}

function drawCount() {
  let errors = 0, words = 0;
  for (const k of view) if (statusOf(k, state.run) === 0) { errors += errorsOf(k, state.run); words += wordsOf(k, state.run); }
  const rate = words ? `, WER ${perCent(errors / words)} of these (${count(errors)} / ${count(words)})` : "";
  fill($("count"), `${count(view.length)} of ${plural(head.num_rows, "utterance")}${rate}`);
}

function setControls() {
  if ($("query") !== document.activeElement) $("query").value = state.query;
  $("sort").value = state.sort;
  $("run").value = state.run;
  $("raw").checked = state.isRaw;
  $("direction").textContent = state.isUp ? "↑" : "↓";
}

// Something was chosen otherwise: the list, and everything that says what is chosen.
function changed() {
  let problem = null;
  try {
    view = chosen();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error;
  }
  $("query").classList.toggle("wrong", problem !== null);
  if (problem) return fill($("count"), visible(`not a regular expression: ${problem.message}`));
  if (!view.includes(state.selected)) state.selected = view.length ? view[0] : null;
  if ($("list").scrollTop) $("list").scrollTop = 0;
  paint();
  setControls();
  drawChips();
  drawCount();
  drawDetail();
  writeHash();
}

