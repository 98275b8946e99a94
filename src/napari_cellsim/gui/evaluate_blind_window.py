"""The window of a blind test: one large picture, answered by keys, and nothing that tells what it is."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QDialog, QLabel, QSizePolicy, QVBoxLayout, QWidget

from .evaluate_blind_work import Standing
from .evaluate_judging import CONFIDENCES, Judgement, Judging
from .jobs import Job, start_job

_SHORTEST = 160  # px of the picture on the screen
_WORDS = ("a guess", "unsure", "fairly sure", "sure", "certain")


class Picture(QWidget):
    """Shows one picture, grey or in colour, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self.setMinimumSize(_SHORTEST, _SHORTEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Picture to be judged")

    def show_picture(self, picture: np.ndarray) -> None:
        """Show a picture (Y, X) or, in colour, (Y, X, 3), uint8."""
        pixels = np.ascontiguousarray(picture)
        height, width = pixels.shape[:2]
        form = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        # copied, because Qt does not keep the array alive
        self._image = QImage(pixels.tobytes(), width, height, pixels.strides[0], form).copy()
        self.update()

    def paintEvent(self, event) -> None:
        """Draw the picture in the middle."""
        if self._image is None:
            return
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(
            (self.width() - size.width()) / 2,
            (self.height() - size.height()) / 2,
            size.width(),
            size.height(),
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        painter.end()


class BlindWindow(QDialog):
    """Takes one person through a blind test.

    Every answer is on the disk before the next picture is shown. Keys pressed while it is written are passed over: they
    would answer a picture that nobody has seen.

    Parameters
    ----------
    standing : Standing
        The test, who judges, and what is judged already.
    parent : QWidget
        The dock; the window covers the viewer that it belongs to.

    Attributes
    ----------
    completed : Signal
        Emitted when the last picture is judged.
    """

    completed = Signal()

    def __init__(self, standing: Standing, parent: QWidget) -> None:
        super().__init__(parent)
        self.standing = standing
        self.judging = Judging(len(standing.test), standing.test.classes, standing.done)
        self._writing: Job | None = None
        self.setWindowTitle("CellSim blind test")
        self.setModal(True)  # the layers of the viewer may be called what the pictures are
        self.setGeometry(parent.window().geometry())
        self.progress = _text("How far the test is")
        self.picture = Picture()
        self.said = _text("Your answer")
        self.keys = _text("Keys")
        column = QVBoxLayout(self)
        column.addWidget(self.progress)
        column.addWidget(self.picture, 1)
        column.addWidget(self.said)
        column.addWidget(self.keys)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._show()

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return self._writing is not None

    def keyPressEvent(self, event) -> None:
        """Answer, take back, or (Esc) break off."""
        if event.key() == Qt.Key.Key_Escape:
            self.reject()
            return
        if self.busy or event.isAutoRepeat():
            return
        if event.key() == Qt.Key.Key_Backspace:
            self.judging.take_back()
            self._show()
        elif self.judging.press(event.text()):
            self._said()
            answer = self.judging.answer
            if answer is not None:
                self._write(answer)

    def _write(self, answer: Judgement) -> None:
        test, assessor = self.standing.test, self.standing.assessor
        self._writing = start_job(
            lambda _token: test.answer(assessor, *answer), "Writing an answer", listed=False
        )
        self._writing.finished.connect(self._written)

    def _written(self) -> None:
        job, self._writing = self._writing, None
        if job is not None and job.status != "succeeded":
            self.judging.take_back()
            self.said.setText(f"⚠ {job.error}")
            return
        self.judging.accept()
        if self.judging.current is None:
            self.completed.emit()
            self.accept()
        else:
            self._show()

    def _show(self) -> None:
        number = self.judging.current
        if number is None:
            return
        self.picture.show_picture(self.standing.test.pictures[number])
        self.progress.setText(f"<b>{number + 1} of {self.judging.count}</b> · {self.standing.assessor}")
        self._said()

    def _said(self) -> None:
        """Write the keys, with what was pressed in bold."""
        judging = self.judging
        parts = [
            _choice("R", "real", judging.generated is False),
            _choice("G", "generated", judging.generated is True),
        ]
        sure = [
            _choice(key, word, judging.confidence == int(key))
            for key, word in zip(CONFIDENCES, _WORDS, strict=True)
        ]
        lines = ["Is it " + " or ".join(parts) + "?", "How sure are you? " + " · ".join(sure)]
        if judging.keys:
            classes = [
                _choice(key.upper(), name, judging.cell_class == name) for key, name in judging.keys.items()
            ]
            lines.append("What is it? " + " · ".join(classes))
        self.said.setText("<br>".join(lines))
        self.keys.setText("<small>Backspace: take back · Esc: stop here and go on another time</small>")


def _choice(key: str, word: str, chosen: bool) -> str:
    text = f"[{key}] {word}"
    return f"<b><u>{text}</u></b>" if chosen else text


def _text(name: str) -> QLabel:
    label = QLabel()
    label.setAccessibleName(name)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setTextFormat(Qt.TextFormat.RichText)
    font = label.font()
    font.setPointSize(font.pointSize() + 4)
    label.setFont(font)
    return label
