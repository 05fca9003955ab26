// Asks every few seconds whether WeChat has called, until it has, and for ten minutes at most.

const EVERY = 3000;
const AT_MOST = 10 * 60 * 1000;

const line = document.getElementById("live");
const part = (name) => document.querySelector(`[data-live="${name}"]`);
const started = Date.now();
let timer;

function show({ state, text, advice, why }) {
  for (const element of [line, document.querySelector("#connect .progress")]) {
    element.classList.remove("is-waiting", "is-refused", "is-verified", "is-paused");
    element.classList.add(`is-${state}`);
  }
  for (const [element, words] of [
    [part("text"), text],
    [part("advice"), advice],
    [document.querySelector("#connect .progress"), text],
  ]) {
    if (element.textContent !== words) element.textContent = words; // else it is read out again
  }
  part("enable").hidden = state !== "verified";
  if (part("why")) {
    part("why").hidden = !why;
    if (why) part("why").href = why;
  }
}

function stop() {
  line.classList.remove("is-live");
  part("stopped").hidden = line.classList.contains("is-verified");
  part("again").hidden = false;
}

async function ask() {
  clearTimeout(timer);
  try {
    const response = await fetch(line.dataset.url, { redirect: "error" });
    if (!response.ok) return stop(); // signed out, or not allowed any more
    const answer = await response.json();
    show(answer);
    if (answer.state === "verified") return stop();
  } catch {
    if (!navigator.onLine) return stop();
  }
  if (Date.now() - started > AT_MOST) return stop();
  timer = setTimeout(ask, EVERY);
}

if (line && !line.classList.contains("is-verified")) {
  line.classList.add("is-live");
  part("again").hidden = true;
  timer = setTimeout(ask, EVERY);
  // A tab in the background is woken rarely; whoever comes back from the console waits for nothing.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && line.classList.contains("is-live")) ask();
  });
}
