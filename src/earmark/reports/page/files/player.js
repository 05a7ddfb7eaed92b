// Sound: a clip that lies in the page, or the file where the run's data said it is, by a relative path.

const player = el("audio", { controls: true, preload: "none" });

function urlOf(k) {
  const clip = $(`clip-${k}`);
  if (clip) return `data:audio/mpeg;base64,${clip.textContent}`;
  if (isFolder && head.clips.includes(k)) return `clips/${k}.mp3`;
  const audio = at(k)[0].audio;
  const name = audio?.names[k % head.chunk_rows];
  if (!name || head.audio.base === null || /^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return null;
  const parts = name.split("/").filter((part) => part !== "").map(encodeURIComponent).join("/");
  const piece = audio.pieces[k % head.chunk_rows];
  const time = piece ? `#t=${piece[0]}${piece[1] ? `,${piece[0] + piece[1]}` : ""}` : "";
  return (name.startsWith("/") ? head.audio.top : head.audio.base) + parts + time;
}

function whySilent(k) {
  if (head.audio.unheard[k]) return head.audio.unheard[k];
  const name = at(k)[0].audio?.names[k % head.chunk_rows];
  if (!name) return head.audio.base === null ? "this report was made without audio" : "the data name no audio for it";
  return `its audio is elsewhere: ${name}`;
}

function play(k) {
  if (urlOf(k) === null) return toast(whySilent(k));
  if (player.paused || player.dataset.row !== String(k)) playFrom(k, player.dataset.row === String(k) ? player.currentTime : 0);
  else player.pause();
}

function playFrom(k, second) {
  if (player.dataset.row !== String(k)) {
    player.dataset.row = k;
    player.src = urlOf(k);
  }
  player.currentTime = second;
  player.play().catch(() => {});
}

// The loudness of a clip over its time, and a line where it plays. A press plays from there.
function wave(k) {
  const clip = $(`clip-${k}`);
  if (!clip) return null;
  const canvas = el("canvas", { width: 800, height: 80, class: "wave", title: "play from here", role: "presentation" });
  const ink = canvas.getContext("2d"), { width, height } = canvas, peaks = [];
  let seconds = 0;
  const draw = () => {
    const style = getComputedStyle(canvas), now = player.dataset.row === String(k) ? (player.currentTime / seconds) * width : 0;
    ink.clearRect(0, 0, width, height);
    peaks.forEach((peak, x) => {
      ink.fillStyle = x < now ? style.accentColor : style.color;
      ink.fillRect(x, (height / 2) * (1 - peak), 1, Math.max(1, peak * height));
    });
  };
  new OfflineAudioContext(1, 1, 16000).decodeAudioData(bytesOf(clip.textContent).buffer).then((audio) => {
    const samples = audio.getChannelData(0), loudest = samples.reduce((most, one) => Math.max(most, Math.abs(one)), 1e-4);
    for (let x = 0; x < width; x++)
      peaks.push(samples.subarray(Math.floor((x * samples.length) / width), Math.ceil(((x + 1) * samples.length) / width)).reduce((most, one) => Math.max(most, Math.abs(one)), 0) / loudest);
    seconds = audio.duration;
    draw();
    canvas.addEventListener("click", (event) => playFrom(k, (event.offsetX / canvas.clientWidth) * seconds));
    canvas.dataset.seconds = seconds;
  }, () => canvas.remove());
  return { canvas, draw };
}

// What was heard, each word where it was heard. A press plays from it, and what plays is marked.
function timedWords(k) {
  return head.words[k]?.map(([word, start, end]) =>
    el("button", { type: "button", "data-start": start, "data-end": end, title: `${start.toFixed(2)} – ${end.toFixed(2)} s`, onclick: () => playFrom(k, start) }, el("bdi", {}, visible(short(word)))));
}

let drawn = null;
player.addEventListener("timeupdate", () => {
  drawn?.draw();
  for (const word of document.querySelectorAll(".times button")) word.classList.toggle("now", word.dataset.start <= player.currentTime && player.currentTime < word.dataset.end);
});

player.addEventListener("error", () => {
  if (player.dataset.row === undefined) return;
  const k = Number(player.dataset.row);
  delete player.dataset.row;
  const why = head.audio.unheard[k] || "no audio where this page looks for it: the file lies elsewhere, or the page was moved";
  if ($("heard")) fill($("heard"), visible(why));
  toast(why);
});

