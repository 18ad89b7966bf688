"""Input requests of the code.

The messages: https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
"""

from __future__ import annotations

from attrs import frozen

from .messages import Message


@frozen
class InputRequest:
    """The code asks for a line of input. ``str()`` of it is the prompt.

    Example::

        def answer(request):
            return getpass.getpass(str(request)) if request.password else input(request)


        kernel.execute("input('Name? ')", on_input=answer)

    Attributes:
        prompt: The text that the code shows before the input.
        password: Whether the input should not be shown while it is typed.
    """

    prompt: str
    password: bool = False

    def __str__(self) -> str:
        return self.prompt


@frozen
class Question:
    """The code waits for input.

    Attributes:
        request: The input request.
        asker: The message with the input request. The answer must refer to this message.
    """

    request: InputRequest
    asker: Message


def question_of(message: Message) -> Question | None:
    """The input request in a message of the channel ``stdin``. None for other messages."""
    if message.msg_type != "input_request":
        return None
    prompt = message.content.get("prompt")
    password = message.content.get("password") is True
    return Question(InputRequest(prompt if isinstance(prompt, str) else "", password), message)
