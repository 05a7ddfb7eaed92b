// Numbers as one reads them.

// Three digits at a time; the browser's own way takes milliseconds for its first number.
const count = (number) => (number === null || number === undefined ? "–" : String(number).replace(/\B(?=(\d{3})+$)/g, ","));
const fixed = (number, digits) => (number === null || number === undefined || !Number.isFinite(number) ? "–" : number.toFixed(digits));
const perCent = (rate, digits = 2) => (rate === Infinity ? "∞ %" : rate === null || rate === undefined ? "–" : `${fixed(100 * rate, digits)} %`);
const points = (rate) => (rate === null || rate === undefined ? "–" : `${rate > 0 ? "+" : rate < 0 ? "−" : ""}${fixed(Math.abs(100 * rate), 2)}`);
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

function tidy(number) {
  if (number === null || number === undefined) return "";
  return Math.abs(number) >= 1000 ? count(Math.round(number)) : String(Number(number.toPrecision(3)));
}

function spoken(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 120) return `${fixed(seconds, 1)} s`;
  return seconds < 7200 ? `${fixed(seconds / 60, 1)} min` : `${fixed(seconds / 3600, 2)} h`;
}

