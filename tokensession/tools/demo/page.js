// What the page does beyond HTML: dates that run, characters of the token that can be picked, and
// no look back into a session that has ended.
// Without it everything works: dates stand still, and positions are typed.

const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

function duration(seconds) {
  const words = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count || words.length) words.push(count ? `${count}${unit}` : "");
  }
  return words.slice(0, 2).join("") || "0s";
}

function relative(second, now) {
  if (second === now) return "now";
  return second > now ? `in ${duration(second - now)}` : `${duration(now - second)} ago`;
}

// The server's clock counts: the browser's may be off.
const offset = Number(document.body.dataset.now) * 1000 - Date.now();

function showDates() {
  const now = Math.floor((Date.now() + offset) / 1000);
  for (const time of document.querySelectorAll("time[data-second]"))
    time.textContent = relative(Number(time.dataset.second), now);
}

const token = document.getElementById("token");
const at = document.getElementById("at");
const picked = document.getElementById("picked");

// Every character of the token as a text node, its offset, and the part that it is in.
function characters() {
  const found = [];
  for (const span of token.querySelectorAll("span")) {
    if (span === token.firstElementChild) continue; // the cookie's name
    const node = span.firstChild;
    for (let i = 0; node && i < node.length; i++) found.push([node, i, span.dataset.part || "dot"]);
  }
  return found;
}

function rangeOf([node, index]) {
  const range = document.createRange();
  range.setStart(node, index);
  range.setEnd(node, index + 1);
  return range;
}

function showPicked() {
  const character = characters()[at.valueAsNumber];
  if (!character) return;
  const [node, index, part] = character;
  picked.textContent = `That is ${node.data[index]}, in the ${part}. Or click a character above.`;
  if (window.CSS && CSS.highlights && window.Highlight)
    CSS.highlights.set("picked", new Highlight(rangeOf(character)));
}

function pick(event) {
  const { clientX: x, clientY: y } = event;
  const index = characters().findIndex((character) =>
    [...rangeOf(character).getClientRects()].some(
      (box) => x >= box.left && x < box.right && y >= box.top && y < box.bottom,
    ),
  );
  if (index < 0) return;
  at.value = index;
  showPicked();
}

// Some key has another state by now: nothing is loaded unasked, since something may be typed.
const stale = document.getElementById("stale");
function showStale() {
  const at = Number(stale.dataset.at);
  stale.hidden = !at || Math.floor((Date.now() + offset) / 1000) < at;
}

// A page out of the browser's memory may be of somebody who has signed out meanwhile: ask again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

if (document.querySelector("time[data-second]")) setInterval(showDates, 1000);
if (stale) setInterval(showStale, 1000);
if (token && at) {
  token.classList.add("pick");
  token.addEventListener("click", pick);
  at.addEventListener("input", showPicked);
  showPicked();
}
if (["#result", "#pasted", "#replayed"].includes(location.hash))
  document.getElementById(location.hash.slice(1))?.focus();
