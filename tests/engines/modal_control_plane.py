"""A control plane of our own for Modal's client: enough of its protocol, on loopback, to run an app's functions here.

It is no mock of the client: the client is the real one, and speaks gRPC to it. A thread stands for the containers, and
folders for the Volumes. It can do what a cloud does on a bad day: see ``Faults``. The protocol is private, so this is
for the pinned client alone; a call that it does not know is refused by name.

Import this before ``modal``: the client reads its environment as it is imported.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

_SOCKET = socket.create_server(("127.0.0.1", 0))
os.environ.update(
    MODAL_SERVER_URL=f"http://127.0.0.1:{_SOCKET.getsockname()[1]}",
    MODAL_TOKEN_ID="ak-nobody",  # noqa: S106  # it opens nothing
    MODAL_TOKEN_SECRET="as-nothing",  # noqa: S106  # likewise
    MODAL_CONFIG_PATH=os.path.join(tempfile.gettempdir(), "no-such-modal.toml"),  # noqa: PTH118
    MODAL_LOGLEVEL="CRITICAL",
)

import grpclib.server  # noqa: E402
import modal  # noqa: E402, F401  # before its protocol, which imports nothing in the right order
from google.protobuf.empty_pb2 import Empty  # noqa: E402
from grpclib.const import Status  # noqa: E402
from grpclib.exceptions import GRPCError  # noqa: E402
from modal._serialization import deserialize, serialize  # noqa: E402
from modal._vendor import cloudpickle  # noqa: E402
from modal_proto import api_grpc, api_pb2  # noqa: E402


def _fall_over(*arguments: object) -> None:
    raise LookupError("the container fell over")


_OK = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
_FAILURE = api_pb2.GenericResult.GENERIC_STATUS_FAILURE


@dataclass
class Faults:
    """What goes wrong, counted from 1: outputs that are lost, or come twice; calls that fail once; attempts that raise.

    ``loses`` says of arguments that their output is lost. ``backwards`` gives outputs in the wrong order. ``raises`` is
    asked of every attempt, with its arguments.
    """

    lost: frozenset[int] = frozenset()
    twice: frozenset[int] = frozenset()
    loses: Callable[[tuple[Any, ...]], bool] = lambda arguments: False
    backwards: bool = False
    failing: dict[str, int] = field(default_factory=dict)
    raises: Callable[[tuple[Any, ...]], bool] = lambda arguments: False


class ControlPlane:
    """The server, and what it remembers of what it was asked."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.commits: Counter[str] = Counter()
        self.volumes: set[str] = set()
        self.functions: dict[str, api_pb2.Function] = {}
        self.reset(Faults())
        self._function_of: dict[str, str] = {}
        self._outputs: dict[str, list[api_pb2.FunctionGetOutputsItem]] = defaultdict(list)
        self._num_inputs: Counter[str] = Counter()
        self._containers = ThreadPoolExecutor(1)
        self._is_ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._is_ready.wait()

    def reset(self, faults: Faults) -> None:
        """Begin to count anew, with other faults."""
        self.faults = faults
        self.num_attempts = self.num_outputs = 0
        self.tasks: list[int] = []
        self.calls.clear()
        self.commits.clear()

    async def _serve(self) -> None:
        methods = {method.name for method in api_pb2.DESCRIPTOR.services_by_name["ModalClient"].methods}
        kind = type("Plane", (api_grpc.ModalClientBase,), {name: self._method(name) for name in methods})
        kind.__abstractmethods__ = frozenset()
        server = grpclib.server.Server([kind()])
        await server.start(sock=_SOCKET)
        self._is_ready.set()
        await server.wait_closed()

    def _method(self, name: str) -> Callable[..., Any]:
        async def answer(_: object, stream: Any) -> None:
            request = await stream.recv_message()
            self.calls[name] += 1
            if self.calls[name] == self.faults.failing.get(name):
                raise GRPCError(Status.UNAVAILABLE, "a bad day")
            known = getattr(self, name, None)
            if known is None:
                raise GRPCError(Status.UNIMPLEMENTED, name)
            response = known(request)
            if asyncio.iscoroutine(response):
                response = await response
            await stream.send_message(response)

        return answer

    # The answers, by the names of the calls.

    def EnvironmentGetOrCreate(self, request):  # noqa: N802
        settings = api_pb2.EnvironmentSettings(image_builder_version="2025.06")
        metadata = api_pb2.EnvironmentMetadata(name="main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    def ClientHello(self, request):  # noqa: N802
        return api_pb2.ClientHelloResponse()

    def AppCreate(self, request):  # noqa: N802
        return api_pb2.AppCreateResponse(app_id="ap-1")

    def AppHeartbeat(self, request):  # noqa: N802
        return Empty()

    def AppPublish(self, request):  # noqa: N802
        return api_pb2.AppPublishResponse(url="http://127.0.0.1/")

    def AppClientDisconnect(self, request):  # noqa: N802
        return Empty()

    def MountGetOrCreate(self, request):  # noqa: N802
        return api_pb2.MountGetOrCreateResponse(mount_id="mo-1")

    def MountPutFile(self, request):  # noqa: N802
        return api_pb2.MountPutFileResponse(exists=True)

    def MountBatchedCheckExistence(self, request):  # noqa: N802
        return api_pb2.MountBatchedCheckExistenceResponse()

    def ImageGetOrCreate(self, request):  # noqa: N802
        return api_pb2.ImageGetOrCreateResponse(image_id="im-1", result=api_pb2.GenericResult(status=_OK))

    def VolumeGetOrCreate(self, request):  # noqa: N802
        creates = request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
        if not creates and request.deployment_name not in self.volumes:
            raise GRPCError(Status.NOT_FOUND, f"no Volume {request.deployment_name}")
        self.volumes.add(request.deployment_name)
        version = api_pb2.VolumeFsVersion.VOLUME_FS_VERSION_V2
        metadata = api_pb2.VolumeMetadata(name=request.deployment_name, version=version)
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=f"vo-{request.deployment_name}", version=version, metadata=metadata
        )

    def VolumeCommit(self, request):  # noqa: N802
        self.commits[request.volume_id.removeprefix("vo-")] += 1
        return api_pb2.VolumeCommitResponse()

    def VolumeReload(self, request):  # noqa: N802
        return Empty()

    def VolumeDelete(self, request):  # noqa: N802
        self.volumes.discard(request.volume_id.removeprefix("vo-"))
        return Empty()

    def FunctionPrecreate(self, request):  # noqa: N802
        name = request.function_name
        metadata = api_pb2.FunctionHandleMetadata(function_name=name, function_type=request.function_type)
        return api_pb2.FunctionPrecreateResponse(function_id=f"fu-{name}", handle_metadata=metadata)

    def FunctionCreate(self, request):  # noqa: N802
        function, data = request.function, request.function_data
        if not function.function_name:
            function = api_pb2.Function()
            function.CopyFrom(data.ranked_functions[0].function)
            function.function_name, function.function_type = data.function_name, data.function_type
            function.function_serialized = data.function_serialized or function.function_serialized
            function.retry_policy.CopyFrom(data.retry_policy)
        function_id = f"fu-{function.function_name}"
        self.functions[function_id] = function
        ranked = [api_pb2.FunctionData.RankedFunction(rank=0, function=function)]
        common = {"function_name": function.function_name, "function_type": function.function_type}
        formats = {
            "supported_input_formats": [api_pb2.DATA_FORMAT_PICKLE],
            "supported_output_formats": [api_pb2.DATA_FORMAT_PICKLE],
        }
        return api_pb2.FunctionCreateResponse(
            function_id=function_id,
            function=function,
            function_data=api_pb2.FunctionData(**common, ranked_functions=ranked),
            handle_metadata=api_pb2.FunctionHandleMetadata(**common, **formats),
        )

    def FunctionGetCurrentStats(self, request):  # noqa: N802
        return api_pb2.FunctionStats(num_total_tasks=1)

    def FunctionMap(self, request):  # noqa: N802
        call_id = f"fc-{len(self._function_of) + 1}"
        self._function_of[call_id] = request.function_id
        taken = [self._take(call_id, item) for item in request.pipelined_inputs]
        return api_pb2.FunctionMapResponse(
            function_call_id=call_id, max_inputs_outstanding=100, function_call_jwt="j", pipelined_inputs=taken
        )

    def FunctionPutInputs(self, request):  # noqa: N802
        taken = [self._take(request.function_call_id, item) for item in request.inputs]
        return api_pb2.FunctionPutInputsResponse(inputs=taken)

    async def FunctionGetOutputs(self, request):  # noqa: N802
        outputs = self._outputs[request.function_call_id]
        for _ in range(5):
            if outputs or request.timeout == 0:
                break
            await asyncio.sleep(0.02)
        found = outputs[::-1] if self.faults.backwards else list(outputs)
        del outputs[:]
        return api_pb2.FunctionGetOutputsResponse(outputs=found, last_entry_id="1-0", num_unfinished_inputs=0)

    def _take(self, call_id: str, item: Any) -> api_pb2.FunctionPutInputsResponseItem:
        input_id = f"in-{call_id}-{item.idx}"
        self._containers.submit(self._work, call_id, input_id, item)
        return api_pb2.FunctionPutInputsResponseItem(input_id=input_id, idx=item.idx, input_jwt=input_id)

    def _work(self, call_id: str, input_id: str, item: Any) -> None:
        """In a container: the attempts at one input, and what becomes of its output."""
        result = self._attempts(self.functions[self._function_of[call_id]], item.input.args)
        self.num_outputs += 1
        output = api_pb2.FunctionGetOutputsItem(
            result=result, idx=item.idx, input_id=input_id, data_format=api_pb2.DATA_FORMAT_PICKLE
        )
        positional, _ = deserialize(item.input.args, None)
        if self.faults.loses(positional) or self.num_outputs in self.faults.lost:
            return
        self._outputs[call_id] += [output] * (2 if self.num_outputs in self.faults.twice else 1)

    def _attempts(self, function: api_pb2.Function, arguments: bytes) -> api_pb2.GenericResult:
        positional, named = deserialize(arguments, None)
        error = Exception("not tried")
        for _ in range(function.retry_policy.retries + 1):
            self.num_attempts += 1
            self.tasks += [task.ticket for task in positional if hasattr(task, "ticket")]
            try:
                body = _fall_over if self.faults.raises(positional) else cloudpickle.loads(function.function_serialized)
                value = body(*positional, **named)
                return api_pb2.GenericResult(status=_OK, data=serialize(value))
            except Exception as raised:  # noqa: BLE001  # as a container does
                error = raised
        return api_pb2.GenericResult(status=_FAILURE, exception=repr(error), data=serialize(error))
