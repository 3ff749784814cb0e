"""What learners get wrong in lesson 09: of each exercise answers, and what the check must say."""

_WRITE = "\ndef write_whole(path, pieces):\n    {}\n"

_ROWS = """
def my_rows(step, count=55_000, batch=100):
    epoch, position = {divided}
    order = {order}
    return {result}
"""
_ROWS_RIGHT = {
    "divided": "divmod(step, count // batch)",
    "order": "np.random.default_rng([SEED, epoch]).permutation(count)",
    "result": "order[position * batch : (position + 1) * batch]",
}
_STATES = "\ndef my_random_states(network):\n    {}\n"
_SAVE = """
def my_save(state, folder, step):
    {write}
    steps = {found}
    for old in steps[:{keep}]:
        for path in folder.glob(f"ckpt-{{old}}.*"):
            path.unlink()


def my_restore(state, folder):
    steps = {found}
    for step in {order}:
        if {whole}:
            {read}
            return {result}
    return {nothing}
"""
_SAVE_RIGHT = {
    "write": 'state.write(str(folder / f"ckpt-{step}"))',
    "found": 'sorted(int(path.stem[5:]) for path in folder.glob("ckpt-*.index"))',
    "keep": "-3",
    "order": "reversed(steps)",
    "whole": 'verify(folder / f"ckpt-{step}") is None',
    "read": 'state.read(str(folder / f"ckpt-{step}"))',
    "result": "step",
    "nothing": "0",
}
_MANAGER = """
def my_save(state, folder, step):
    manager = tf.train.CheckpointManager(state, str(folder), max_to_keep=3)
    manager.save(checkpoint_number=step)


def my_restore(state, folder):
    path = tf.train.latest_checkpoint(str(folder))
    if path is None:
        return 0
    state.read(path)
    return int(path.split("-")[-1])
"""
_ROWS_FILE = """
import io


def my_save_rows(tables):
    now, file = tables[-1], io.BytesIO()
    rows = np.flatnonzero(({moved}).any(axis=1))
    np.savez_compressed(file, rows={rows}, values={values})
    return {file}


def my_restore_rows(first, files):
    save, table = 0, first
    for number, file in enumerate(files, 1):
        try:
            content = dict(np.load(io.BytesIO(file)))
        except {torn}:
            continue
        if number <= save + {reach}:
            save = number
            {back}
    return {result}
"""
_ROWS_GOES = {"moved": "(now != tables[-2]) | (now != tables[-3 if len(tables) > 2 else 0])"}
_ROWS_GOES |= {"rows": "rows.astype(np.uint16)", "values": "now[rows]", "file": "file.getvalue()"}
_ROWS_GOES |= {"torn": "(OSError, ValueError, EOFError, zipfile.BadZipFile)", "reach": "2"}
_ROWS_GOES |= {"back": 'table[content["rows"]] = content["values"]', "result": "save, table"}

WRONG = {
    "my_rows": [
        # the step within all epochs, not within its own
        (
            _ROWS.format(**_ROWS_RIGHT | {"result": "order[step * batch : (step + 1) * batch]"}),
            r"of the second epoch's first step has shape \[0\], expected \[3\]",
        ),
        # the same order in each epoch
        (
            _ROWS.format(
                **_ROWS_RIGHT | {"order": "np.random.default_rng([SEED, 0]).permutation(count)"}
            ),
            "of the second epoch's first step differ",
        ),
        # a new order for each step
        (
            _ROWS.format(
                **_ROWS_RIGHT | {"order": "np.random.default_rng([SEED, step]).permutation(count)"}
            ),
            "of a later step differ",
        ),
        # always the first batch
        (_ROWS.format(**_ROWS_RIGHT | {"result": "order[:batch]"}), "of a later step differ"),
        # the number of the position where the batch belongs
        (
            _ROWS.format(**_ROWS_RIGHT | {"result": "order[position : position + batch]"}),
            "of a later step differ",
        ),
        # one batch too many
        (
            _ROWS.format(**_ROWS_RIGHT | {"result": "order[position * batch :]"}),
            r"of the first step has shape \[12\], expected \[3\]",
        ),
        # images counted as steps
        (
            _ROWS.format(**_ROWS_RIGHT | {"divided": "divmod(step, count)"}),
            "of the second epoch's first step has shape",
        ),
        # 550 steps, whatever the number of images
        (
            _ROWS.format(**_ROWS_RIGHT | {"divided": "divmod(step, 550)"}),
            "of the second epoch's first step has shape",
        ),
        # another order each time it is asked
        (
            _ROWS.format(**_ROWS_RIGHT | {"order": "np.random.permutation(count)"}),
            "of the first step (differ|hold)",
        ),
        # nothing comes back
        (_ROWS.format(**_ROWS_RIGHT).replace("return ", ""), "is a return missing"),
    ],
    "my_random_states": [
        # the layer that everybody knows
        (
            _STATES.format(
                "return [layer.seed_generator.state for layer in network.layers\n"
                "            if isinstance(layer, keras.layers.Dropout)]"
            ),
            r"of noise, dropout in a block, dropout has shape \[1, 2\], expected \[3, 2\]",
        ),
        # not those in a block
        (
            _STATES.format(
                "return [layer.seed_generator.state for layer in network.layers\n"
                '            if hasattr(layer, "seed_generator")]'
            ),
            r"of noise, dropout in a block, dropout has shape \[2, 2\], expected \[3, 2\]",
        ),
        # batch normalisation's averages, too
        (
            _STATES.format("return network.non_trainable_variables"),
            "moving_mean is no random state",
        ),
        (_STATES.format("return network.variables"), "gamma is no random state"),
        # copies
        (
            _STATES.format(
                "known = {id(v) for v in network.weights}\n"
                "    return [v.numpy() for v in network.variables if id(v) not in known]"
            ),
            "raises AttributeError: .* has no attribute 'assign'",
        ),
        # variables that hold the same
        (
            _STATES.format(
                "known = {id(v) for v in network.weights}\n"
                "    return [tf.Variable(v) for v in network.variables if id(v) not in known]"
            ),
            "of one dropout layer differ",
        ),
        # the first one only
        (
            _STATES.format(
                "known = {id(v) for v in network.weights}\n"
                "    return [v for v in network.variables if id(v) not in known][:1]"
            ),
            r"has shape \[1, 2\], expected \[3, 2\]",
        ),
        # in another order
        (
            _STATES.format(
                "known = {id(v) for v in network.weights}\n"
                "    return [v for v in network.variables if id(v) not in known][::-1]"
            ),
            "of noise, dropout in a block, dropout differ",
        ),
        (_STATES.format("network.variables"), "is a return missing"),
    ],
    "write_whole": [
        # into the file itself
        (
            _WRITE.format(
                'with path.open("w") as file:\n'
                "        for piece in pieces:\n"
                "            file.write(piece)\n"
                "    return path"
            ),
            "file after a writing that broke off .* is 'second ', expected 'first note'",
        ),
        # all at once, into the file itself: a reader sees it change
        (
            _WRITE.format('path.write_text("".join(pieces))\n    return path'),
            "file that a reader had opened before .* is 'third note', expected 'first note'",
        ),
        # never renamed
        (
            _WRITE.format(
                'part = path.with_suffix(".part")\n'
                '    part.write_text("".join(pieces))\n'
                "    return part"
            ),
            "file after the first writing .* is 'no file', expected",
        ),
        # copied over the old one
        (
            _WRITE.format(
                'part = path.with_suffix(".part")\n'
                '    part.write_text("".join(pieces))\n'
                "    path.write_text(part.read_text())\n"
                "    return path"
            ),
            "file that a reader had opened before .* is 'third note', expected 'first note'",
        ),
        # the old one is deleted first
        (
            _WRITE.format(
                "path.unlink(missing_ok=True)\n"
                '    path.write_text("".join(pieces))\n'
                "    return path"
            ),
            "file after a writing that broke off .* is 'no file', expected",
        ),
    ],
    "my_save": [
        # TensorFlow's own, which doesn't look
        (_MANAGER, "the second one torn raises"),
        # the newest by its name as text
        (
            _SAVE.format(
                **_SAVE_RIGHT
                | {"found": '[int(n[5:]) for n in sorted(p.stem for p in folder.glob("*.index"))]'}
            ),
            "step of my_restore after twelve saves is 9, expected 12",
        ),
        # the oldest first
        (
            _SAVE.format(**_SAVE_RIGHT | {"order": "steps"}),
            "step of my_restore after two saves is 1, expected 2",
        ),
        # nothing is removed
        (
            _SAVE.format(**_SAVE_RIGHT | {"keep": "0"}),
            "number of old files left of my_restore after twelve saves is 18, expected 0",
        ),
        # one is kept
        (
            _SAVE.format(**_SAVE_RIGHT | {"keep": "-1"}),
            "step of my_restore after two saves, the second one torn is 0, expected 1",
        ),
        # nobody looks whether it is whole
        (_SAVE.format(**_SAVE_RIGHT | {"whole": "True"}), "the second one torn raises"),
        # an index is there, so it is whole
        (
            _SAVE.format(**_SAVE_RIGHT | {"whole": '(folder / f"ckpt-{step}.index").exists()'}),
            "the second one torn raises",
        ),
        # found, not read
        (
            _SAVE.format(**_SAVE_RIGHT | {"read": "pass"}),
            "step within the state of my_restore after two saves is 0, expected 2",
        ),
        # weights alone
        (
            _SAVE.format(
                **_SAVE_RIGHT
                | {
                    "read": "tf.train.Checkpoint(w=state.w, step=state.step, losses=state.losses)"
                    '.read(str(folder / f"ckpt-{step}"))'
                }
            ),
            "number of wrong losses of my_restore after two saves is 12, expected 0",
        ),
        # one too far
        (
            _SAVE.format(**_SAVE_RIGHT | {"result": "step + 1"}),
            "step of my_restore after two saves is 3, expected 2",
        ),
        # None where there is nothing
        (
            _SAVE.format(**_SAVE_RIGHT | {"nothing": "None"}),
            "step of my_restore in an empty folder is None",
        ),
        # the path in place of the step
        (
            _SAVE.format(**_SAVE_RIGHT | {"result": 'folder / f"ckpt-{step}"'}),
            "step of my_restore after two saves .*expected a number",
        ),
        # a name from outside
        (
            _SAVE.format(**_SAVE_RIGHT | {"read": 'small().read(str(folder / f"ckpt-{step}"))'}),
            "raises NameError: name 'small' is not defined",
        ),
    ],
    "my_save_rows": [
        # all of it, each time
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"moved": "np.full([5000, 1], True)"}),
            r"take 6,\d\d\d,\d\d\d bytes; to beat: 400,000",
        ),
        # as TensorFlow does: all of it, without a look whether it is whole
        (
            "\ndef my_save_rows(tables):\n    return tables[-1].tobytes()\n"
            "\n\ndef my_restore_rows(first, files):\n"
            "    table = np.frombuffer(files[-1] if files else first.tobytes(), np.float32)\n"
            "    return len(files), table.reshape(-1, 8)\n",
            "wrong|different|shape|broadcast",
        ),
        # all that has moved since the start: safe, but long
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"moved": "now != tables[0]", "reach": "40"}),
            r"take 8\d\d,\d\d\d bytes; to beat: 400,000",
        ),
        # each row in one file only
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"moved": "now != tables[-2]", "reach": "1"}),
            r"\(files: 40, torn: number 1\): .* save 0, expected 30 to 40; 0 rows wrong",
        ),
        # each row in one file only, and nobody sees the gap
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"moved": "now != tables[-2]"}),
            r"\(files: 40, torn: number 1\): .* save 40, .* \d+ rows wrong",
        ),
        # half the bits
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"values": "now[rows].astype(np.float16)"}),
            r"\(files: 1\): .* save 1, .* \d+ rows wrong",
        ),
        # differences, added up: nobody sees that one is missing
        (
            _ROWS_FILE.format(
                **_ROWS_GOES
                | {"moved": "now != tables[-2]", "values": "now[rows] - tables[-2][rows]"}
                | {"back": 'table[content["rows"]] += content["values"]'}
            ),
            r"\(files: 40, torn: number 1\): .* save 40, .* \d+ rows wrong",
        ),
        # rows are numbers to 255
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"rows": "rows.astype(np.uint8)"}),
            r"\(files: 1\): .* save 1, .* \d+ rows wrong",
        ),
        # a torn file ends it
        (
            _ROWS_FILE.format(**_ROWS_GOES | {"torn": "FileNotFoundError"}),
            "torn: number 1.: (BadZipFile|ValueError|EOFError|OSError)",
        ),
        # one too far
        (_ROWS_FILE.format(**_ROWS_GOES | {"result": "save + 1, table"}), "expected 0 to 0"),
        # the table alone
        (_ROWS_FILE.format(**_ROWS_GOES | {"result": "table"}), "back .files: 0.: ValueError"),
        # no bytes
        (_ROWS_FILE.format(**_ROWS_GOES | {"file": "file"}), "back .no file yet.: TypeError"),
        (_ROWS_FILE.format(**_ROWS_GOES | {"file": "None"}), "back .no file yet.: TypeError"),
    ],
}
