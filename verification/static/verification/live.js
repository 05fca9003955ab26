// Polls the state of the account for ten minutes. When the state changes, fetches the cards of the
// page again and replaces those that differ. The form below them, and what was typed into it, stay as
// they are. It polls for an account that is well, too: somebody may be changing its token.

const EVERY = 3000;
const AT_MOST = 10 * 60 * 1000;

const line = document.getElementById("live");
const part = (name) => document.querySelector(`[data-live="${name}"]`);
const cardsOf = (root) => [...root.querySelectorAll("[data-card]")];
const started = Date.now();
let timer;
let isAsking = false;

// --- The cards

// What the server sent last of each card: a card that it sends again unchanged is left alone.
const sent = new Map(cardsOf(document).map((card) => [card.id, sentBy(card)]));

function sentBy(card) {
  const copy = card.cloneNode(true);
  // These differ in every answer.
  for (const input of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) {
    input.removeAttribute("value");
  }
  return copy.outerHTML;
}

// Returns how to find the element again in a new version of its card.
function selectorOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  for (const name of ["data-copy", "href"]) {
    const value = element.getAttribute(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  const action = element.closest("form")?.getAttribute("action");
  if (action) return `form[action="${CSS.escape(action)}"] button`;
  return element.matches(".advice") ? ".advice" : element.tagName.toLowerCase();
}

function replace(card, fresh) {
  const focused = document.activeElement;
  const selector = card.contains(focused) && card !== focused && selectorOf(focused);
  const details = (root) => [...root.querySelectorAll("details")];
  const open = details(card).map((each) => each.open);
  details(fresh).forEach((each, index) => { each.open = open[index] ?? each.open; });
  // A secret is shown only once, so the new version has none. One that was rotated meanwhile goes.
  for (const kept of card.querySelectorAll("[data-keep]")) {
    const masked = fresh.querySelector(`#${CSS.escape(kept.id)}`);
    if (masked?.dataset.version === kept.dataset.version) masked?.replaceWith(kept);
  }
  if (fresh.open) card.open = true; // One that is no longer needed stays open: somebody reads it.
  card.className = fresh.className;
  card.replaceChildren(...fresh.childNodes);
  const target = selector && (card.querySelector(selector) ?? card.querySelector("summary"));
  if (target) target.focus({ preventScroll: true });
}

// Returns the page of the cards, or nothing after signing out.
async function fetchCards(query) {
  const response = await fetch(line.dataset.cardsUrl + query, { redirect: "manual" });
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const focus of page.querySelectorAll("[autofocus]")) focus.removeAttribute("autofocus");
  return page;
}

function show(page) {
  for (const card of cardsOf(document)) {
    if (!page.getElementById(card.id)) card.remove();
  }
  let last;
  for (const fresh of cardsOf(page)) {
    const card = document.getElementById(fresh.id);
    const html = sentBy(fresh);
    if (!card) {
      last.after(fresh);
    } else if (html !== sent.get(fresh.id)) {
      replace(card, fresh);
    }
    sent.set(fresh.id, html);
    last = document.getElementById(fresh.id);
  }
  const label = document.querySelector("#status .badge").lastChild.textContent.trim();
  part("spoken").textContent = `${label}: ${part("text").textContent}`;
  line.dataset.shown = page.getElementById("live").dataset.shown;
}

async function refresh() {
  let page = await fetchCards(location.search);
  if (page?.querySelector("#connect .advice") && page.querySelector("#connect .live.is-good")) {
    // WeChat has verified the account since: what the console had answered before is no news.
    history.replaceState(null, "", location.pathname);
    page = await fetchCards("");
  }
  if (page) show(page);
}

// --- What the console said: the advice comes without leaving the page, which may show a secret

async function advise(link) {
  const page = await fetchCards(link.search).catch(() => null);
  if (!page) return location.assign(link.href);
  history.replaceState(null, "", link.search);
  show(page);
  document.querySelector("#connect .advice").focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#connect .console li a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  advise(link);
});

// --- Polling

function stop() {
  line.classList.remove("is-live");
  part("waiting").hidden = true;
  part("again").hidden = false;
  part("stopped").hidden = false;
}

async function poll() {
  try {
    // After signing out, the answer is a redirect to the sign-in page, which is not followed.
    const response = await fetch(line.dataset.url, { redirect: "manual" });
    if (!response.ok) return stop();
    const answer = await response.json();
    if (answer.shown !== line.dataset.shown) await refresh();
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

if (line) {
  line.classList.add("is-live");
  part("waiting").hidden = false;
  part("again").hidden = true;
  timer = setTimeout(ask, EVERY);
  // Browsers run timers of background tabs rarely, so ask at once when the user returns to this tab.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && line.classList.contains("is-live")) ask();
  });
}

// A browser that kept the page for Back and Forward would show its secret again.
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
