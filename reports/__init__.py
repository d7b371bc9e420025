"""What the reader sees: templates, styles, charts and wording beside this file."""
