; Svelte's come first: its grammar reads templates of Vue as well, and Vue has no blocks besides elements.
