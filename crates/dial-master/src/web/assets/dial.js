// Keys, selection and live update: every page works without this file.
"use strict";

(() => {
  const all = (what, root = document) => Array.from(root.querySelectorAll(what));
  const lines = () => all("[data-line]");
  const boxes = () => all('input[type="checkbox"][name="id"]');
  let at = -1;

  for (const hidden of all(".js[hidden]")) hidden.hidden = false;

  // Empty fields say nothing: they stay out of the address.
  for (const form of all("form.filters")) {
    form.addEventListener("submit", () => {
      for (const field of all("input", form)) if (!field.value) field.disabled = true;
    });
    form.addEventListener("change", (event) => {
      if (event.target.type === "checkbox") form.requestSubmit();
    });
  }
  window.addEventListener("pageshow", () => {
    for (const field of all("form.filters input")) field.disabled = false;
  });

  const count = () => {
    const chosen = boxes().filter((box) => box.checked).length;
    for (const note of all("[data-count]")) note.textContent = `${chosen} selected:`;
    for (const button of all(".bulk button")) button.disabled = chosen === 0;
  };

  const heading = () => {
    const cell = document.querySelector("th.tick");
    if (!cell || cell.querySelector("input")) return;
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("aria-label", "Select all");
    box.addEventListener("change", () => {
      for (const one of boxes()) one.checked = box.checked;
      count();
    });
    cell.replaceChildren(box);
  };

  const go = (to) => {
    const list = lines();
    if (!list.length) return;
    for (const line of list) line.classList.remove("at");
    at = Math.max(0, Math.min(to, list.length - 1));
    list[at].classList.add("at");
    const link = list[at].querySelector("a");
    if (link) link.focus({ preventScroll: true });
    list[at].scrollIntoView({ block: "nearest" });
  };

  const acknowledge = () => {
    const form = document.querySelector("#several, #triage");
    const button = form && form.querySelector('button[value="acknowledge"]');
    if (!button) return;
    if (form.id === "several") {
      const box = lines()[at] && lines()[at].querySelector('input[name="id"]');
      if (!boxes().some((one) => one.checked) && box) box.checked = true;
      count();
      if (button.disabled) return;
    }
    form.requestSubmit(button);
  };

  const keys = () => {
    const dialog = document.querySelector("#keys");
    if (dialog) dialog.open ? dialog.close() : dialog.showModal();
  };
  for (const button of all("[data-keys]")) button.addEventListener("click", keys);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const actions = {
      j: () => go(at + 1),
      k: () => go(at - 1),
      x: () => {
        const box = lines()[at] && lines()[at].querySelector('input[name="id"]');
        if (box) { box.checked = !box.checked; count(); }
      },
      a: acknowledge,
      u: () => { const up = document.querySelector("[data-up]"); if (up) up.click(); },
      "/": () => { const field = document.querySelector('input[type="search"]'); if (field) field.focus(); },
      "?": keys,
    };
    const action = actions[event.key];
    if (action) { event.preventDefault(); action(); }
  });

  document.addEventListener("focusin", (event) => {
    const line = event.target.closest("[data-line]");
    if (line) { at = lines().indexOf(line); for (const one of lines()) one.classList.toggle("at", one === line); }
  });
  document.addEventListener("change", (event) => { if (event.target.name === "id") count(); });

  // The page is asked for anew and its live parts are taken over; nobody loses what they type.
  const EVERY = 10000;
  const refresh = async () => {
    const busy = document.hidden || boxes().some((box) => box.checked) || document.querySelector("dialog[open]");
    if (busy || !all("[data-live]").length) return;
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of all("[data-live]")) {
      const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!other || other.textContent === part.textContent) continue;
      const inside = part.contains(document.activeElement);
      const open = all("details", part).map((one) => one.open);
      part.replaceChildren(...Array.from(other.childNodes, (node) => document.importNode(node, true)));
      for (const [n, one] of all("details", part).entries()) if (n in open) one.open = open[n];
      if (inside && at >= 0) go(at);
    }
    heading();
    count();
  };
  setInterval(() => refresh().catch(() => {}), EVERY);

  heading();
  count();
})();
