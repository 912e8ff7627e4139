"""How the full-screen interface looks: the terminal's own colours, and nothing that only a colour tells."""

from typing import Final

STYLE: Final = """
Screen { layout: vertical; background: ansi_default; }
#title { height: 1; text-style: reverse bold; text-wrap: nowrap; text-overflow: ellipsis; }
#head { height: auto; max-height: 40%; }
#columns { height: 1; text-wrap: nowrap; }
#rows, #detail, #form { height: 1fr; border: none; padding: 0; scrollbar-size: 0 0; background: ansi_default; }
#rows:focus { border: none; background-tint: ansi_default 0%; }
#rows > .option-list--option { padding: 0; }
#rows > .option-list--option-highlighted, #rows:focus > .option-list--option-highlighted {
    color: ansi_black; background: ansi_white; text-style: bold underline;
}
#search { height: 1; text-style: underline; }
#notice { height: auto; max-height: 50%; text-style: bold; display: none; }
#state { height: auto; max-height: 2; }
#keys { height: 1; text-wrap: nowrap; }
.label { height: auto; text-style: bold; }
.hint { height: auto; text-style: italic; }
Input { height: 1; background: ansi_default; text-style: underline; }
Input:focus { background: ansi_default; }
TextArea { height: 3; background: ansi_default; text-style: underline; scrollbar-size: 0 0; }
Checkbox { height: auto; background: ansi_default; }
Checkbox:focus { text-style: bold underline; }
"""
