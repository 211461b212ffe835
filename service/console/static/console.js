/* Signoff's console: keys, comments on lines, live timelines, and what to say when the server is away. Every page works
   without this file, but for what is live. No text from the server is ever made into markup here: htmx puts in what our
   own templates escaped, and everything else is textContent. */
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  /* Keys: letters do something only where nobody writes. */
  let current = -1, prefix = "";
  const rows = () => all("[data-list] > li");
  function move(by) {
    const list = rows();
    if (!list.length) return;
    current = Math.max(0, Math.min(list.length - 1, current + by));
    list.forEach((row, place) => row.classList.toggle("current", place === current));
    ($("a", list[current]) || list[current]).focus();
  }
  const focusOn = (selector) => {
    const target = $(selector);
    if (!target) return;
    target.closest("details")?.setAttribute("open", "");
    target.focus();
    target.scrollIntoView({ block: "center" });
  };
  const KEYS = {
    j: () => move(1), k: () => move(-1),
    x: () => { const box = rows()[current] && $("input[type=checkbox]", rows()[current]); if (box) box.checked = !box.checked; },
    a: () => focusOn("#approve"), r: () => focusOn("#comment"), c: () => focusOn("#wish, #comment"), "/": () => focusOn("[data-filter]"),
    "?": () => $("#keys").showModal(), g: () => { prefix = "g"; },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    if (prefix) {
      prefix = "";
      const place = $(`nav a[data-go="${CSS.escape(event.key)}"]`);
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    const act = KEYS[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  /* A list that is looked at again keeps what was marked and where one stood. */
  let kept = null;
  const sameAs = (element) => element.matches("a") ? `#inbox a[href="${CSS.escape(element.getAttribute("href"))}"]`
    : element.matches("input") ? `#inbox input[value="${CSS.escape(element.value)}"]` : null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const list = event.detail.target;
    if (list?.id !== "inbox") return;
    const on = list.contains(document.activeElement) ? sameAs(document.activeElement) : null;
    kept = { marked: all("input:checked", list).map((box) => box.value), on };
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!kept) return;
    for (const box of all("#inbox input[name=id]")) box.checked = kept.marked.includes(box.value);
    const again = kept.on && $(kept.on);
    kept = null;
    if (!again) return;
    again.focus({ preventScroll: true });
    current = rows().indexOf(again.closest("li"));
    rows()[current]?.classList.add("current");
  });

  /* A drawing that is drawn anew stays where it was scrolled to. */
  let drawn = 0;
  document.addEventListener("htmx:beforeSwap", (event) => { drawn = $(".dag")?.scrollLeft || drawn; });
  document.addEventListener("htmx:afterSwap", () => { const plan = $(".dag"); if (plan) plan.scrollLeft = drawn; });

  /* A server that is away, or slow. */
  const lost = $("#link-lost"), slow = $("#slow");
  const away = (is) => { if (lost) lost.hidden = !is; };
  const timers = new Map();
  document.addEventListener("htmx:beforeRequest", (event) => {
    timers.set(event.detail.xhr, setTimeout(() => { if (slow) slow.hidden = false; }, 3000));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    clearTimeout(timers.get(event.detail.xhr));
    timers.delete(event.detail.xhr);
    if (slow) slow.hidden = true;
    away(event.detail.xhr.status === 0);
  });
  document.addEventListener("submit", (event) => {
    /* Once: a second press of the same button would be a second request. */
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    if (event.target.method === "post") event.target.dataset.sent = "yes";
    setTimeout(() => { if (slow && event.target.method === "post") slow.hidden = false; }, 3000);
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  /* Comments on lines: kept in this tab until they are sent with the form that takes them. */
  const section = () => $("[data-comments]"), takes = () => $("[data-takes-comments]");
  const store = () => `signoff:${section()?.dataset.comments}`;
  let drafts = [];
  const read = () => { try { drafts = JSON.parse(sessionStorage.getItem(store()) || "[]"); } catch { drafts = []; } };
  function showDrafts() {
    const box = takes() && $(".comments", takes());
    if (!box) return;
    box.hidden = !drafts.length;
    $("ol", box).replaceChildren(...drafts.map((draft, place) => {
      const drop = make("button", { type: "button", className: "plain", textContent: "take away" });
      drop.addEventListener("click", () => { drafts.splice(place, 1); keep(); });
      const fields = Object.entries(draft).map(([name, value]) => make("input", { type: "hidden", name, value }));
      return make("li", {}, make("code", { textContent: `${draft.path}:${draft.line}` }), ` ${draft.words} `, drop, ...fields);
    }));
  }
  function keep() { sessionStorage.setItem(store(), JSON.stringify(drafts)); showDrafts(); }
  function write(row) {
    $("tr.comment")?.remove();
    const path = row.closest("[data-path]").dataset.path, line = row.dataset.line;
    const words = make("textarea", { rows: 3, ariaLabel: `Comment on ${path}, line ${line}` });
    const add = make("button", { type: "button", textContent: "Add the comment" });
    row.after(make("tr", { className: "comment" }, make("td", { colSpan: 4 }, words, add)));
    add.addEventListener("click", () => {
      if (words.value.trim()) { drafts.push({ path, line, words: words.value.trim() }); keep(); }
      $("tr.comment")?.remove();
      $("button", row)?.focus();
    });
    words.focus();
  }
  document.addEventListener("click", (event) => {
    const number = takes() && event.target.closest("[data-comments] td.number");
    if (number && number.parentElement.dataset.line) write(number.parentElement);
  });
  /* For keys and screen readers each line has a button; not where there are very many at once. */
  function ready() {
    if (!section() || !takes()) return;
    const lines = all("tr[data-line]:not([data-ready])", section());
    for (const row of lines.length < 3000 ? lines : []) {
      row.dataset.ready = "yes";
      const cell = all("td.number", row).findLast((each) => each.textContent.trim());
      if (!cell) continue;
      const number = cell.textContent.trim();
      cell.replaceChildren(make("button", { type: "button", textContent: number, ariaLabel: `Comment on line ${number}` }));
    }
    read();
    showDrafts();
  }
  ready();
  document.addEventListener("htmx:afterSettle", ready);
  document.addEventListener("submit", (event) => { if (event.target.matches("[data-takes-comments]")) sessionStorage.removeItem(store()); });
  /* What is being written, or was opened, is not taken from under anybody's hands. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    const held = target?.matches("#outcome, #actions") && ($("tr.comment", target) || target.contains(document.activeElement)
      || all("textarea", target).some((each) => each.value.trim()));
    if (held) event.detail.shouldSwap = false;
  });

  /* Notices of this browser, for who chose them: one tab of it listens, and a press of a button asks for the permission. */
  const askFor = $("[data-ask-notices]"), denied = $("[data-notices-denied]");
  function listen() {
    if (!("Notification" in window) || Notification.permission !== "granted" || !navigator.locks || !$("#keys")) return;
    navigator.locks.request("signoff-notices", () => new Promise((over) => {
      const source = new EventSource("/console/notices");
      source.addEventListener("notice", (event) => {
        const { title, body, tag, url } = JSON.parse(event.data);
        const notice = new Notification(title, { body, tag });
        notice.addEventListener("click", () => { window.focus(); if (url.startsWith("/console/")) location.assign(url); notice.close(); });
        document.body.dataset.notices = String(Number(document.body.dataset.notices || 0) + 1);
      });
      source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) over(); });
    }));
  }
  const showPermission = () => {
    if (askFor) askFor.hidden = !("Notification" in window) || Notification.permission !== "default";
    if (denied) denied.hidden = !("Notification" in window) || Notification.permission !== "denied";
  };
  askFor?.addEventListener("click", async () => { await Notification.requestPermission(); showPermission(); listen(); });
  showPermission();
  listen();

  /* A live timeline: server-sent events that are parts of the page, each with its place, so nothing is shown twice. A
     connection that is lost comes back behind the last one. */
  const line = $("[data-follow]");
  if (line) {
    let after = line.dataset.after, waiting = [], asked = false, wait = 500;
    const range = document.createRange();
    range.selectNode(line);
    const put = () => {
      asked = false;
      const parts = waiting;
      waiting = [];
      const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
      for (const html of parts) {
        const piece = range.createContextualFragment(html);
        htmx.process(piece.firstElementChild);
        const node = piece.firstElementChild.dataset.node, lit = node && $(`[data-machine="${CSS.escape(node)}"]`);
        if (lit) {
          all("[data-machine]").forEach((each) => each.removeAttribute("aria-current"));
          lit.className = "been";
          lit.setAttribute("aria-current", "step");
        }
        const twin = piece.firstElementChild.dataset.joins && line.lastElementChild?.dataset.joins === piece.firstElementChild.dataset.joins;
        if (twin) $("pre", line.lastElementChild).append(...$("pre", piece.firstElementChild).childNodes);
        else line.append(piece);
      }
      while (line.children.length > 3000) line.firstElementChild.remove();
      if (atEnd && line.dataset.live === "yes") scrollTo({ top: document.documentElement.scrollHeight });
    };
    const follow = () => {
      const source = new EventSource(`${line.dataset.follow}?after=${encodeURIComponent(after)}`);
      const heard = (event) => { if (event.lastEventId) after = event.lastEventId; away(false); wait = 500; };
      source.addEventListener("entry", (event) => {
        heard(event);
        waiting.push(event.data);
        if (!asked) { asked = true; requestAnimationFrame(put); }
      });
      source.addEventListener("standing", (event) => { heard(event); document.body.dispatchEvent(new Event("standing")); });
      source.addEventListener("open", () => away(false));
      source.addEventListener("error", () => {
        away(true);
        source.close();
        setTimeout(follow, wait);
        wait = Math.min(wait * 2, 15000);
      });
    };
    follow();
  }
})();
