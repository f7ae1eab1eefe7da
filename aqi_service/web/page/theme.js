// @ts-check
/** The theme that was chosen, in force before anything is painted; the one thing that the page keeps. */
document.documentElement.dataset.theme = 'auto';
try { document.documentElement.dataset.theme = localStorage.getItem('theme') ?? 'auto'; } catch { /* nothing is kept here */ }
