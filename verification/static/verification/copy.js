// Buttons that copy what is written in the element they name. Without a script they stay hidden,
// and one click on the text selects all of it.

function select(source) {
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

async function copy(source) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(source.textContent.trim());
  }
  select(source); // plain http has no clipboard API
  if (!document.execCommand("copy")) throw new Error("not copied");
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await copy(source);
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = label; }, 2000);
    } catch {
      select(source); // the next best: Ctrl+C does the rest
    }
  });
}
