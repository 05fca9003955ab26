// Saves the text of the element that data-save names as a file. Without JavaScript the button stays
// hidden; the browser's own menu saves as well.

function lines(source) {
  return source.innerText.split("\n").map((line) => line.trim()).filter(Boolean).join("\n") + "\n";
}

for (const button of document.querySelectorAll("[data-save]")) {
  const source = document.getElementById(button.dataset.save);
  button.hidden = false;
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines(source)], { type: "text/plain" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
