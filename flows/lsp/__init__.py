"""The language server: what the checker knows, in an editor, as one types. `hedgerow lsp` starts it."""
