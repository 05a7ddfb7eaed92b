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
  const url = urlOf(k);
  if (url === null) return toast(whySilent(k));
  if (player.dataset.row !== String(k)) {
    player.dataset.row = k;
    player.src = url;
  }
  if (player.paused) player.play().catch(() => {});
  else player.pause();
}

player.addEventListener("error", () => {
  if (player.dataset.row === undefined) return;
  const k = Number(player.dataset.row);
  delete player.dataset.row;
  const why = head.audio.unheard[k] || "no audio where this page looks for it: the file lies elsewhere, or the page was moved";
  if ($("heard")) fill($("heard"), visible(why));
  toast(why);
});

