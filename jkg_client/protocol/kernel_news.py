"""Messages that say what the kernel does, whichever request they answer."""

from __future__ import annotations

from .messages import Message


def tells_of_death(message: Message, *, is_up: bool) -> bool:
    """Whether a message says that the kernel has died, or was replaced.

    Args:
        message: Any message.
        is_up: Whether the kernel has answered before. If a kernel starts after that, it is another
            process.
    """
    if message.parent_id is not None or message.msg_type != "status":
        return False
    state = message.content.get("execution_state")
    return state in ("restarting", "dead") or (is_up and state == "starting")


def begins_code(message: Message) -> bool:
    """Whether the kernel begins to run code, so that all earlier code has ended.

    Code in a subshell does not count, because it runs at the same time as other code.
    """
    return (
        message.msg_type == "execute_input"
        and message.channel == "iopub"
        and message.parent_header.get("subshell_id") is None
    )
