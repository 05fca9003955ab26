// Shows the confirmation of an export on the page from which it was started: a download leaves the
// page as it is. The answer sets a cookie; then the page is loaded again, with its message.

const EVERY = 500;
const AT_MOST = 10 * 60 * 1000;
const EXPORTED = "exported=1";

function isExported() {
  return document.cookie.split("; ").includes(EXPORTED);
}

function forget() {
  document.cookie = `exported=; max-age=0; path=${location.pathname}; samesite=strict`;
}

document.querySelector("form.export")?.addEventListener("submit", () => {
  const started = Date.now();
  forget();
  const timer = setInterval(() => {
    if (isExported()) {
      clearInterval(timer);
      forget();
      location.reload();
    } else if (Date.now() - started > AT_MOST) {
      clearInterval(timer);
    }
  }, EVERY);
});
