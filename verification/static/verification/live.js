// Polls the progress of the connection until WeChat has verified it, for ten minutes at most.

const EVERY = 3000;
const AT_MOST = 10 * 60 * 1000;

const line = document.getElementById("live");
const part = (name) => document.querySelector(`[data-live="${name}"]`);
const started = Date.now();
let timer;
let isAsking = false;

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
    // Only real changes: a screen reader reads out each one.
    if (element.textContent !== words) element.textContent = words;
  }
  part("enable").hidden = state !== "verified";
  if (part("why")) {
    part("why").hidden = !why;
    if (why) part("why").href = why;
  }
}

// Stops polling and shows a link that loads the page again, because the tokens and records on it are
// those from when it was opened.
function stop(link = "again") {
  line.classList.remove("is-live");
  part("stopped").hidden = line.classList.contains("is-verified");
  part(link).hidden = false;
}

async function poll() {
  try {
    // After signing out, the answer is a redirect to the sign-in page, which is not followed.
    const response = await fetch(line.dataset.url, { redirect: "manual" });
    if (!response.ok) return stop();
    const answer = await response.json();
    show(answer);
    if (answer.state === "verified") return stop("reload");
  } catch {
    if (!navigator.onLine) return stop();
  }
  if (Date.now() - started > AT_MOST) return stop();
  timer = setTimeout(ask, EVERY);
}

async function ask() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  await poll();
  isAsking = false;
}

if (line && !line.classList.contains("is-verified")) {
  line.classList.add("is-live");
  part("again").hidden = true;
  timer = setTimeout(ask, EVERY);
  // Browsers run timers of background tabs rarely, so ask at once when the user returns to this tab.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && line.classList.contains("is-live")) ask();
  });
}
