"""nn.utils, func.functional_call and the parallel doors. Facts are PyTorch 2.13's."""

import copy
import pickle

import pytest

import pyrite
from pyrite import nn
from pyrite.func import functional_call
from pyrite.nn.utils import parametrizations, parametrize, rnn


def parameters():
    first, second, third = (nn.Parameter(pyrite.ones(n)) for n in (3, 4, 1))
    first.grad = pyrite.tensor([0.0, 3.0, 6.0])
    second.grad = pyrite.full((4,), -4.0)
    return [first, second, third]


class TestClipping:
    @pytest.mark.parametrize(
        ("norm_type", "norm", "clipped"),
        [
            (2, 10.440306508910551, [0, 0.4310, 0.8620]),
            (1, 25.0, [0, 0.18, 0.36]),
            (float("inf"), 6.0, [0, 0.75, 1.5]),
            ("inf", 6.0, [0, 0.75, 1.5]),
        ],
    )
    def test_norms(self, norm_type, norm, clipped):
        listed = parameters()
        total = nn.utils.clip_grad_norm_(iter(listed), 1.5, norm_type)
        assert total.item() == pytest.approx(norm, rel=1e-6)
        assert listed[0].grad.tolist() == pytest.approx(clipped, abs=1e-4)

    def test_small_gradients_stay(self):
        listed = parameters()
        nn.utils.clip_grad_norm_(listed, 1e6)
        assert listed[0].grad.tolist() == [0, 3, 6]

    def test_one_tensor_and_none(self):
        first = parameters()[0]
        nn.utils.clip_grad_norm_(first, 1.0)
        assert first.grad.norm().item() == pytest.approx(1.0, rel=1e-5)
        assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
        with pytest.warns(UserWarning, match="is an empty generator, no gradient clipping"):
            nn.utils.clip_grad_norm_((p for p in []), 1.0)

    def test_not_finite(self):
        listed = parameters()
        listed[0].grad[0] = float("nan")
        with pytest.raises(RuntimeError, match=r"The total norm of order 2.0 for gradients from"):
            nn.utils.clip_grad_norm_(listed, 1.0, error_if_nonfinite=True)
        assert listed[1].grad.tolist() == [-4] * 4

    def test_values(self):
        listed = parameters()
        nn.utils.clip_grad_value_(listed, 2)
        assert listed[0].grad.tolist() == [0, 2, 2] and listed[1].grad.tolist() == [-2] * 4

    def test_in_two_steps(self):
        listed = parameters()
        total = nn.utils.get_total_norm([p.grad for p in listed[:2]])
        nn.utils.clip_grads_with_norm_(listed, 1.0, total)
        assert nn.utils.get_total_norm([p.grad for p in listed[:2]]).item() == pytest.approx(1.0)


class TestVectors:
    def test_there_and_back(self):
        model = nn.Linear(2, 3)
        vector = nn.utils.parameters_to_vector(model.parameters())
        assert vector.shape == (9,) and vector.requires_grad
        weight = model.weight
        nn.utils.vector_to_parameters(pyrite.arange(9.0), model.parameters())
        assert model.weight is weight and weight.tolist() == [[0, 1], [2, 3], [4, 5]]
        assert model.bias.tolist() == [6, 7, 8]

    def test_no_tensor(self):
        with pytest.raises(TypeError, match=r"expected torch.Tensor, but got: int"):
            nn.utils.vector_to_parameters(3, [])


BATCH = [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0], [20.0, 21.0, 22.0], [30.0, 31.0, 32.0]]  # (T, B)


class TestPackedSequences:
    def test_order_of_the_packed_elements(self):
        packed = rnn.pack_padded_sequence(pyrite.tensor(BATCH), [4, 2, 1])
        assert packed.data.tolist() == [0, 1, 2, 10, 11, 20, 30]
        assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
        assert packed.sorted_indices is None and packed.unsorted_indices is None
        padded, lengths = rnn.pad_packed_sequence(packed, padding_value=-1.0, total_length=5)
        assert padded.tolist() == [[0, 1, 2], [10, 11, -1], [20, -1, -1], [30, -1, -1], [-1] * 3]
        assert lengths.tolist() == [4, 2, 1] and lengths.dtype == pyrite.int64

    def test_unsorted_batches_come_back_in_their_order(self):
        batch = pyrite.tensor(BATCH).t().requires_grad_()  # (B, T)
        packed = rnn.pack_padded_sequence(batch, [1, 4, 2], batch_first=True, enforce_sorted=False)
        assert packed.data.tolist() == [1, 2, 0, 11, 12, 21, 31]
        assert packed.sorted_indices.tolist() == [1, 2, 0]
        assert packed.unsorted_indices.tolist() == [2, 0, 1]
        padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True)
        assert padded.tolist() == [[0, 0, 0, 0], [1, 11, 21, 31], [2, 12, 0, 0]]
        assert lengths.tolist() == [1, 4, 2]
        (padded**2).sum().backward()
        assert batch.grad.tolist() == [[0, 0, 0, 0], [2, 22, 42, 62], [4, 24, 0, 0]]

    @pytest.mark.parametrize(
        ("lengths", "text"),
        [
            ([4], "Expected `len(lengths)` to be equal to batch_size, but got 1 (batch_size=3)"),
            (
                [4, 2, 0],
                "Length of all samples has to be greater than 0, but found an element in 'lengths' "
                "that is <= 0",
            ),
            ([1, 2, 1], "`lengths` array must be sorted in decreasing order when"),
            ([5, 2, 1], "Length of all samples has to be at most 4"),
            ([[4, 2, 1]], "'lengths' argument should be a 1D CPU int64 tensor, but got 2D cpu"),
        ],
    )
    def test_bad_lengths(self, lengths, text):
        with pytest.raises(RuntimeError) as caught:
            rnn.pack_padded_sequence(pyrite.tensor(BATCH), pyrite.tensor(lengths))
        assert str(caught.value).startswith(text)

    def test_bad_total_length(self):
        packed = rnn.pack_padded_sequence(pyrite.tensor(BATCH), [4, 2, 1])
        with pytest.raises(ValueError, match="got total_length=1 and max sequence length being 4"):
            rnn.pad_packed_sequence(packed, total_length=1)

    def test_pad_sequence(self):
        sequences = [pyrite.ones(2, requires_grad=True), pyrite.full((3,), 2.0, requires_grad=True)]
        padded = rnn.pad_sequence(sequences)
        assert padded.tolist() == [[1, 2], [1, 2], [0, 2]]
        (padded * padded).sum().backward()
        assert sequences[0].grad.tolist() == [2, 2] and sequences[1].grad.tolist() == [4, 4, 4]
        left = rnn.pad_sequence(sequences, True, 7.0, "left")
        assert left.tolist() == [[7, 1, 1], [2, 2, 2]]
        with pytest.raises(RuntimeError, match="received an empty list of sequences"):
            rnn.pad_sequence([])
        with pytest.raises(RuntimeError, match="Expected padding_side to be one of left or right"):
            rnn.pad_sequence(sequences, padding_side="up")

    def test_lists_of_sequences(self):
        sequences = [pyrite.tensor([4, 5]), pyrite.tensor([1, 2, 3])]
        packed = rnn.pack_sequence(sequences, enforce_sorted=False)
        assert packed.data.tolist() == [1, 4, 2, 5, 3]
        assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [[4, 5], [1, 2, 3]]
        twin = packed.to(pyrite.float64)
        assert twin.data.dtype == pyrite.float64 and twin.batch_sizes is packed.batch_sizes
        assert packed.cpu() is packed and packed._fields[0] == "data"


class TestWeightNorm:
    @pytest.mark.parametrize(("dim", "shape"), [(0, (2, 1)), (1, (1, 3)), (None, ())])
    def test_splits_and_restores(self, dim, shape):
        module = nn.Linear(3, 2)
        weight = module.weight.detach().clone()
        with pytest.warns(FutureWarning, match="weight_norm` is deprecated in favor of"):
            nn.utils.weight_norm(module, dim=dim)
        assert list(module.state_dict()) == ["bias", "weight_g", "weight_v"]
        assert module.weight_g.shape == shape
        assert (module.weight - weight).abs().max() < 1e-6
        module(pyrite.ones(1, 3)).sum().backward()
        assert module.weight_g.grad.shape == shape and module.weight_v.grad.shape == (2, 3)
        nn.utils.remove_weight_norm(module)
        assert isinstance(module.weight, nn.Parameter) and not module._forward_pre_hooks
        with pytest.raises(ValueError, match="weight_norm of 'weight' not found in Linear"):
            nn.utils.remove_weight_norm(module)

    def test_parametrization_reads_older_checkpoints(self):
        with pytest.warns(FutureWarning):
            older = nn.utils.weight_norm(nn.Linear(3, 2))
        module = parametrizations.weight_norm(nn.Linear(3, 2))
        module.load_state_dict(older.state_dict())
        assert (module.weight - older.weight).abs().max() < 1e-6
        assert repr(module) == (
            "ParametrizedLinear(\n"
            "  in_features=3, out_features=2, bias=True\n"
            "  (parametrizations): ModuleDict(\n"
            "    (weight): ParametrizationList(\n"
            "      (0): _WeightNorm()\n"
            "    )\n"
            "  )\n"
            ")"
        )


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).t()

    def right_inverse(self, x):
        return x.triu()


class TestParametrize:
    def test_register_assign_remove(self):
        module = nn.Linear(3, 3)
        weight = module.weight
        parametrize.register_parametrization(module, "weight", Symmetric())
        assert type(module).__name__ == "ParametrizedLinear"
        assert parametrize.type_before_parametrizations(module) is nn.Linear
        assert module.parametrizations.weight.original is weight
        assert module.weight.equal(module.weight.t())
        module(pyrite.ones(1, 3)).sum().backward()
        assert weight.grad.tolist() == [[1, 2, 2], [0, 1, 2], [0, 0, 1]]
        module.weight = pyrite.ones(3, 3)
        assert weight.tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
        with parametrize.cached():
            assert module.weight is module.weight
        assert module.weight is not module.weight
        parametrize.remove_parametrizations(module, "weight")
        assert type(module) is nn.Linear and module.weight is weight
        assert weight.tolist() == [[1] * 3] * 3

    def test_copies_but_no_pickles(self):
        module = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
        twin = copy.deepcopy(module)
        assert twin.weight.equal(module.weight)
        assert twin.parametrizations.weight.original is not module.parametrizations.weight.original
        with pytest.raises(RuntimeError, match="only supported through state_dict"):
            pickle.dumps(module)

    def test_shape_is_kept(self):
        class First(nn.Module):
            def forward(self, x):
                return x[0]

        module = nn.Linear(2, 2)
        with pytest.raises(ValueError, match="may not change the shape of the tensor"):
            parametrize.register_parametrization(module, "weight", First())
        assert isinstance(module.weight, nn.Parameter) and type(module) is nn.Linear
        with pytest.raises(ValueError, match="parametrized element with name 'nope'"):
            parametrize.register_parametrization(module, "nope", First())


class TestFunctionalCall:
    def test_gradients_reach_the_given_tensors(self):
        module = nn.Linear(2, 1)
        given = {"weight": pyrite.ones(1, 2, requires_grad=True), "bias": pyrite.zeros(1)}
        x = pyrite.tensor([[3.0, 4.0]])
        functional_call(module, given, x).sum().backward()
        assert given["weight"].grad.tolist() == [[3, 4]] and module.weight.grad is None
        halves = ({"weight": given["weight"]}, {"bias": pyrite.ones(1)})
        assert functional_call(module, halves, (), {"input": x}).item() == 8

    def test_tied_weights(self):
        model = nn.Sequential(nn.Linear(2, 2, bias=False))
        model.append(model[0])
        double = {"0.weight": pyrite.eye(2) * 2}
        assert functional_call(model, double, pyrite.ones(1, 2)).tolist() == [[4, 4]]
        both = {"0.weight": pyrite.eye(2), "1.weight": pyrite.eye(2)}
        with pytest.raises(ValueError, match="got multiple values for keys"):
            functional_call(model, both, pyrite.ones(1, 2))
        assert functional_call(model, both, pyrite.ones(1, 2), tie_weights=False).sum() == 2

    def test_written_buffers_come_back_in_the_dictionary(self):
        class Counter(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("count", pyrite.zeros(1))

            def forward(self):
                self.count = self.count + 1
                return self.count

        counter, given = Counter(), {"count": pyrite.tensor([5.0])}
        assert functional_call(counter, given).item() == 6
        assert given["count"].item() == 6 and counter.count.item() == 0

    def test_the_module_is_restored_after_an_error(self):
        module = nn.Linear(2, 1)
        weight = module.weight
        with pytest.raises(RuntimeError):
            functional_call(module, {"weight": pyrite.ones(1, 9)}, pyrite.ones(1, 2))
        assert module.weight is weight

    def test_errors(self):
        module, x = nn.Linear(2, 1), pyrite.ones(1, 2)
        given = {"weight": pyrite.ones(1, 2)}
        with pytest.raises(ValueError, match=r"\['weight'\] appeared in multiple dictionaries"):
            functional_call(module, (given, given), x)
        with pytest.raises(ValueError, match="to be a dict, or a list/tuple of dicts"):
            functional_call(module, 3, x)
        with pytest.raises(RuntimeError, match=r"Missing key\(s\): 'bias'\."):
            functional_call(module, given, x, strict=True)
        with pytest.raises(AttributeError, match="Linear has no attribute `no`"):
            functional_call(module, {"no.weight": x}, x)


def test_skip_init_draws_nothing():
    pyrite.manual_seed(0)
    expected = pyrite.rand(1)
    pyrite.manual_seed(0)
    module = nn.utils.skip_init(nn.Linear, 3, 4)
    assert module.weight.shape == (4, 3) and module.weight.device.type == "cpu"
    assert pyrite.rand(1).equal(expected)
    with pytest.raises(RuntimeError, match="Expected a Module; got <class 'int'>"):
        nn.utils.skip_init(int)


def test_data_parallel_on_one_device():
    model = nn.Linear(2, 1)
    wrapped = nn.DataParallel(model)
    x = pyrite.ones(1, 2)
    assert wrapped(x).equal(model(x)) and nn.parallel.data_parallel(model, x).equal(model(x))
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(NotImplementedError, match="over several devices is not available"):
        nn.DataParallel(model, device_ids=[0, 1])


def test_distributed_data_parallel_needs_a_group():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    assert issubclass(nn.parallel.DistributedDataParallel, nn.Module)


def test_factory_kwargs():
    assert nn.factory_kwargs({"device": "cpu"}) == {"device": "cpu"}
    assert nn.factory_kwargs(None) == {}
    with pytest.raises(TypeError, match=r"unexpected kwargs \{'z'\}"):
        nn.factory_kwargs({"z": 1})
    with pytest.raises(TypeError, match="device specified twice"):
        nn.factory_kwargs({"device": 1, "factory_kwargs": {"device": 2}})
