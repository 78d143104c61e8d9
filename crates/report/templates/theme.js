// Light or dark: what was chosen last, before anything is drawn. Without a choice the page follows the system.
{
  const root = document.documentElement;
  try {
    const chosen = localStorage.getItem("scour-theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch { /* A browser may forbid storage. */ }
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    const name = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("scour-theme", root.dataset.theme); } catch { /* It is not remembered. */ }
      name();
    });
    system.addEventListener("change", name);
    button.hidden = false;
    name();
  });
}
