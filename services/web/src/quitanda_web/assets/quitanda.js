// The pages work without this. With it a search shows its results while it is typed, and a form is sent once.
document.querySelectorAll("form[data-search]").forEach((form) => {
  form.setAttribute("hx-get", form.getAttribute("action"));
  form.setAttribute("hx-trigger", "input delay:300ms, change, submit");
  form.setAttribute("hx-target", "#results");
  form.setAttribute("hx-select", "#results");
  form.setAttribute("hx-select-oob", "#problem,#as-of");
  form.setAttribute("hx-swap", "outerHTML");
  htmx.process(form);
});
// An answer without the part that is shown, such as the way to sign in, is shown as a page of its own. One that says that
// too many requests come changes nothing: the next one is soon.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  const part = tasks.find((task) => task.type === "main");
  if (!part || part.fragment.childElementCount > 0) return;
  event.preventDefault();
  if (ctx.response.status !== 429) window.location.assign(ctx.request.action);
});
// What is called a button is pressed by the space bar, too.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role=button]")) return;
  event.preventDefault();
  event.target.click();
});
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") {
    event.target.querySelectorAll("button:not([name])").forEach((button) => button.setAttribute("aria-busy", "true"));
  }
});
