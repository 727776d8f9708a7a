// What changes something for others is asked about first.

// Resolves to null, or to what was chosen where there is a choice.
function confirmed({ title, text, whom, button, withCode = false }) {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-whom").textContent = whom;
  $("confirm-yes").textContent = button;
  $("confirm-choice").hidden = !withCode;
  const dialog = $("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  $("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes" ? { code: Number($("confirm-code").value) } : null);
    }, { once: true });
  });
}
