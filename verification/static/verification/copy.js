// Each button copies the text of the element that its data-copy names. Without JavaScript the
// buttons stay hidden; then one click on the text selects all of it.

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
  select(source); // Pages over plain http have no clipboard API.
  if (!document.execCommand("copy")) throw new Error("not copied");
}

document.documentElement.classList.add("can-copy");
// One listener for all buttons, because live.js adds some later.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await copy(source);
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  } catch {
    select(source); // Nothing was copied; the text is selected for Ctrl+C.
  }
});
