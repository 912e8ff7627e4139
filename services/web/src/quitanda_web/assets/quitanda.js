// The pages work without this. With it a search shows its results while it is typed, and a form is sent once.
document.querySelectorAll("form[data-search]").forEach((form) => {
  form.setAttribute("hx-get", form.getAttribute("action"));
  form.setAttribute("hx-trigger", "input delay:300ms, change, submit");
  form.setAttribute("hx-target", "#results");
  form.setAttribute("hx-select", "#results");
  form.setAttribute("hx-swap", "outerHTML");
  htmx.process(form);
});
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") {
    event.target.querySelectorAll("button:not([name])").forEach((button) => button.setAttribute("aria-busy", "true"));
  }
});
