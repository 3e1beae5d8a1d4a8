"""Records what PyTorch 2.13.0 gives for expressions about making tensors.

They become `creation.json`, `dtypes.json`, `numpy_sharing.json` and `random_calls.json`.

Run with PyTorch installed: `PYTHONPATH=tests:tests/data python tests/data/record_creation.py`.
"""

from __future__ import annotations

from recording import record, require_reference

CREATION = """\
torch.zeros(2,dtype=torch.long,requires_grad=True)
torch.full((2,),True)
torch.full((2,),1+2j)
torch.full((),3)
torch.zeros(-1)
torch.zeros(2,-1)
torch.arange(3.)
torch.arange(0,1,0.3)
torch.arange(5,0)
torch.arange(0,5,0)
torch.arange(0,5,-1)
torch.arange(0,float('inf'))
torch.arange(0,float('nan'))
torch.arange(3,dtype=torch.bool)
torch.arange(2,dtype=torch.bool)
torch.arange(0,3,dtype=torch.complex64)
torch.arange(True)
torch.arange(0,10,2.5,dtype=torch.int64)
torch.arange(2**53,2**53+3.)
torch.range(0,3)
torch.linspace(0,1,-1)
torch.linspace(0,10,5,dtype=torch.int32)
torch.linspace(0,1j,3)
torch.linspace(torch.tensor(0),torch.tensor(1),3)
torch.linspace(torch.ones(2),1,3)
torch.logspace(0,2,3)
torch.logspace(0,3,4,base=2,dtype=torch.int64)
torch.eye(-1)
torch.eye(2,-1)
torch.eye(2,dtype=torch.bool)
torch.tril_indices(3,3)
torch.tril_indices(3,-3)
torch.triu_indices(3,3,1,dtype=torch.float)
torch.complex(torch.ones(2),torch.ones(2,dtype=torch.double))
torch.complex(torch.ones(2,dtype=torch.int),torch.ones(2,dtype=torch.int))
torch.polar(torch.ones(2),torch.ones(2,dtype=torch.double))
torch.scalar_tensor(3)
torch.scalar_tensor(True)
torch.empty_strided((2,2),(1,))
torch.empty_permuted((2,3,4),(0,2,1)).stride()
torch.empty_permuted((2,3,4),(0,2,2)).stride()
torch.empty_permuted((2,3,4),(0,2)).stride()
torch.tensor([1,2,3],requires_grad=True)
torch.tensor([1,2.5])
torch.tensor([1,True])
torch.tensor([])
torch.tensor([[1,2],[3]])
torch.tensor([[1,2],3])
torch.tensor([1,[2,3]])
torch.tensor('a')
torch.tensor(['a'])
torch.tensor(None)
torch.tensor([None])
torch.tensor({})
torch.tensor([torch.tensor([1,2])])
torch.tensor([torch.tensor(1),torch.tensor(2.)])
torch.tensor([torch.tensor([1,2]),torch.tensor([3,4])])
torch.tensor(2**63)
torch.tensor([2**63])
torch.tensor(2**64)
torch.tensor(-2**63)
torch.tensor(300,dtype=torch.uint8)
torch.tensor([300],dtype=torch.uint8)
torch.tensor([-1],dtype=torch.uint8)
torch.tensor(1.7,dtype=torch.int)
torch.tensor([1.7],dtype=torch.int)
torch.tensor(1j,dtype=torch.float)
torch.tensor(float('nan'),dtype=torch.int)
torch.tensor([1],dtype=int)
torch.tensor([1],dtype='float32')
torch.tensor(range(3))
torch.tensor((1,2))
torch.tensor(1e400)
torch.tensor([1e40])
torch.as_tensor([1,2])
torch.asarray([1,2],copy=False)
torch.asarray(5)
torch.tensor(b'ab')
torch.tensor([b'a'])
torch.tensor(bytearray(b'ab'))
torch.Tensor()
torch.Tensor(2,3).shape
torch.Tensor([2,3])
torch.Tensor(3.5)
torch.Tensor(torch.ones(2))
torch.Tensor(torch.ones(2,dtype=torch.long))
torch.Tensor('a')
torch.Tensor(torch.Size([2,1])).shape
torch.Tensor((2,1)).shape
torch.Tensor(size=(2,)).shape
torch.Tensor(device='cpu')
torch.Tensor(2,device='cpu').shape
torch.Tensor(None)
torch.LongTensor([1,2])
torch.LongTensor(2).shape
torch.LongTensor([1.5])
torch.LongTensor(torch.ones(2,dtype=torch.long))
torch.FloatTensor([[1,2],[3,4]])
torch.FloatTensor.is_cuda
isinstance(torch.ones(2),torch.FloatTensor)
isinstance(torch.ones(2),torch.LongTensor)
isinstance(torch.FloatTensor,type)
torch.ByteTensor([1,0])
torch.BoolTensor([1,0])
torch.ones(2).new(3).shape
torch.ones(2).new([3])
torch.ones(2,dtype=torch.long).new(3,4).dtype
torch.ones(2).new_tensor([1,2])
torch.ones(2).new_tensor([1,2],dtype=torch.int)
torch.ones(2,dtype=torch.int).new_tensor([1.5])
torch.ones(2).new_full((2,),3)
torch.ones(2).new_full((2,),3,requires_grad=True)
torch.ones(2).new_zeros(2,3)
torch.ones(2).new_empty((2,3)).shape
torch.ones(2).type()
torch.ones(2).type(torch.LongTensor)
torch.ones(2).type('torch.DoubleTensor')
torch.ones(2).type(3)
torch.zeros(2,3,out=torch.ones(1))
torch.zeros()
torch.ones(2.0)
torch.ones('a')
torch.empty(2,memory_format=torch.channels_last)
torch.zeros_like(torch.ones(2),requires_grad=True)
torch.zeros_like([1])
torch.zeros((2,),dtype=torch.float,requires_grad=1)
torch.zeros((2,),foo=1)
torch.zeros((2,),dtype=3)
torch.zeros((2,),device=3.5)
torch.zeros(torch.tensor(2),3).shape
torch.frombuffer(bytearray(8),dtype=torch.float32)
torch.frombuffer(bytearray(8),dtype=torch.float32,count=1,offset=4)
torch.frombuffer(bytearray(7),dtype=torch.float32)
torch.frombuffer(bytearray(8),dtype=torch.float32,offset=9)
torch.frombuffer(bytearray(8),dtype=torch.float32,count=3)
torch.frombuffer(b'abcdefgh',dtype=torch.float32)
torch.frombuffer([1],dtype=torch.float32)
torch.finfo(torch.float32)
torch.finfo(torch.int32)
torch.finfo()
torch.iinfo(torch.int8)
torch.iinfo(torch.bool)
torch.finfo(torch.bfloat16)
torch.finfo(torch.float16)
torch.finfo(torch.float64)
torch.finfo(torch.complex64)
torch.result_type(1,2)
torch.result_type(1,2.)
torch.can_cast(torch.float,torch.int)
torch.promote_types(torch.float,3)
torch.empty_strided((2, 3), (1, 2)).stride()
torch.zeros_like(torch.ones(2, 3).t()).stride()
torch.ones_like(torch.ones(2, 3, 4).permute(2, 0, 1)[::2]).stride()
torch.empty_like(torch.ones(1, 2, 3, 4), memory_format=torch.channels_last).stride()
torch.full_like(torch.ones(2), 3, dtype=torch.int64)
torch.ones(2).new_empty_strided((2, 2), (1, 2)).stride()
torch.arange(0, 1, 0.3, dtype=torch.int64)
torch.arange(0, 10, 2.5, dtype=torch.int32)
torch.arange(5, 0, -2)
torch.linspace(0, 1, 1)
torch.linspace(3, 10, 5)
torch.linspace(0, 1, 7, dtype=torch.float64)
torch.logspace(-1, 2, 4, dtype=torch.float64)
torch.tril_indices(3, 4, -1)
torch.triu_indices(3, 4, 1)
torch.eye(2, 3)
torch.polar(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 1.5]))
torch.complex(torch.tensor([1.0]), torch.tensor([2.0]))
torch.zeros(2, requires_grad=True).requires_grad
torch.eye(2, requires_grad=True).requires_grad
torch.arange(2.0, requires_grad=True).requires_grad
torch.rand(2, requires_grad=True).requires_grad
"""

DTYPES = """\
torch.tensor([torch.tensor([1.]),torch.tensor([2.])])
torch.tensor([torch.tensor([1.,2.])])
torch.tensor([[torch.tensor(1),2],[3,4]])
torch.tensor([1.,[2]])
torch.tensor([None],dtype=torch.float)
torch.tensor(None,dtype=torch.float)
torch.tensor([None],dtype=torch.int)
torch.tensor(['a'],dtype=torch.int)
torch.tensor([1j,2])
torch.tensor([True,2.])
torch.tensor([1],dtype=torch.bool)
torch.tensor([2.5],dtype=torch.bool)
torch.tensor([1e300],dtype=torch.int)
torch.tensor([1e10],dtype=torch.int)
torch.tensor([-129],dtype=torch.int8)
torch.tensor([-300],dtype=torch.uint8)
torch.tensor([2**31],dtype=torch.int)
torch.tensor([2**70],dtype=torch.float)
torch.tensor([2**70],dtype=torch.int)
torch.tensor([[1,2],[3,4,5]])
torch.tensor([[[1,2]],[[3]]])
torch.tensor([[],[1]])
torch.tensor([[1],[]])
torch.tensor([object()])
torch.tensor([{}])
torch.tensor([[1,2],(3,4)])
torch.tensor([1,2],dtype=torch.float16,device='meta')
torch.tensor([1.,2.],requires_grad=True,dtype=torch.double)
torch.tensor(data=[1,2])
torch.as_tensor([1,2],dtype=torch.float)
torch.as_tensor((1,2),device='cpu')
torch.as_tensor(5.)
torch.ones(2).new_tensor(torch.ones(3)).shape
torch.ones(2).new_tensor([1],requires_grad=True)
torch.ones(2).new()
torch.ones(2).new(torch.ones(3)).shape
torch.Tensor([[1,2],[3]])
torch.Tensor(True)
torch.Tensor([True])
torch.Tensor((1,)).shape
torch.Tensor(*[2,3]).shape
torch.Tensor(torch.tensor(5))
torch.Tensor(-1)
torch.LongTensor([[1,2],[3,4]]).dtype
torch.LongTensor(torch.tensor([1,2])).dtype
torch.FloatTensor(3).shape
torch.FloatTensor(range(3))
torch.HalfTensor([1]).dtype
torch.DoubleTensor([1.5]).dtype
torch.IntTensor([2]).dtype
torch.ShortTensor([2]).dtype
torch.CharTensor([2]).dtype
torch.BFloat16Tensor([2]).dtype
torch.ones(2).float() is None
torch.float32.__reduce__()
torch.float32.to_complex()
torch.int32.to_complex()
torch.int32.to_real()
torch.float32.itemsize
str(torch.float32)
torch.is_floating_point(torch.ones(2))
torch.is_tensor(3)
torch.is_complex(torch.ones(2))
torch.is_nonzero(torch.tensor([0.]))
torch.is_nonzero(torch.ones(2))
torch.is_nonzero(torch.ones(0))
torch.numel(torch.ones(2))
torch.is_same_size(torch.ones(2),torch.ones(2))
torch.is_inference(torch.ones(2))
torch.is_neg(torch.ones(2))
torch.is_signed(torch.ones(2))
torch.ones(2).is_signed()
torch.ones(2).is_set_to(torch.ones(2))
torch.ones(2).is_pinned()
torch.ones(2).is_shared()
torch.ones(2).get_device()
torch.ones(2).apply_(lambda x: x+1)
torch.ones(2).map_(torch.ones(2)*3, lambda a,b: a+b)
torch.ones(2).map2_(torch.ones(2)*3,torch.ones(2), lambda a,b,c: a+b+c)
torch.ones(2,requires_grad=True).apply_(lambda x: x+1)
torch.ones(2,dtype=torch.complex64).real
torch.ones(2).imag
torch.ones(2).real
torch.view_as_real(torch.ones(2))
torch.view_as_complex(torch.ones(3))
torch.view_as_complex(torch.ones(2,dtype=torch.int))
torch.view_as_complex(torch.ones(2,2))
torch.ones(2).view(torch.int32)
torch.ones(2).view(torch.int16)
torch.ones(2).view(torch.float64)
torch.ones(3).view(torch.float64)
torch.ones(2,2).t().view(torch.float64)
torch.ones(()).view(torch.int16)
torch.ones(2,requires_grad=True).view(torch.int32)
torch.ones(2,requires_grad=True).view(torch.complex64)
"""

NUMPY_SHARING = """\
torch.from_numpy(numpy.arange(6.0).reshape(2, 3))
torch.from_numpy([1])
torch.from_numpy(numpy.float64(3))
torch.from_numpy(numpy.arange(6.0).reshape(2, 3)[::-1])
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype('>f4'))
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(object))
torch.from_numpy(numpy.array(['numpy.arange(6.0).reshape(2, 3)']))
torch.from_numpy(numpy.array(['2020-01-01'],dtype='datetime64[D]'))
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(numpy.float16)).dtype
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(bool)).dtype
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(numpy.complex64)).dtype
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(numpy.longlong)).dtype
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).astype(numpy.intc)).dtype
torch.from_numpy(numpy.zeros((0,3))).shape
torch.from_numpy(numpy.array(3.)).shape
torch.from_numpy(numpy.arange(6.0).reshape(2, 3).T).stride()
torch.from_numpy(numpy.broadcast_to(numpy.ones(1),(3,))).stride()
torch.tensor(numpy.arange(6.0).reshape(2, 3))
torch.tensor(numpy.arange(6.0).reshape(2, 3)[::-1])
torch.tensor(numpy.arange(6.0).reshape(2, 3).astype('>f4'))
torch.tensor(numpy.float32(3)).dtype
torch.tensor(numpy.float64(3)).dtype
torch.tensor(numpy.int32(3)).dtype
torch.tensor(numpy.bool_(True)).dtype
torch.tensor(numpy.float16(3)).dtype
torch.tensor(numpy.complex64(3)).dtype
torch.tensor([numpy.float64(3)]).dtype
torch.tensor([numpy.float32(3)]).dtype
torch.tensor([numpy.int32(3)]).dtype
torch.tensor([numpy.bool_(True)]).dtype
torch.tensor([numpy.arange(6.0).reshape(2, 3),numpy.arange(6.0).reshape(2, 3)]).dtype
torch.tensor([numpy.arange(6.0).reshape(2, 3)[0],numpy.arange(6.0).reshape(2, 3)[1]]).shape
torch.tensor([numpy.arange(6.0).reshape(2, 3)[0],[1,2,3]]).dtype
torch.tensor([numpy.array(3.)]).dtype
torch.tensor(numpy.arange(6.0).reshape(2, 3).astype(object))
torch.tensor(numpy.array(['numpy.arange(6.0).reshape(2, 3)']))
torch.tensor(numpy.uint8(3)).dtype
torch.as_tensor(numpy.arange(6.0).reshape(2, 3),dtype=torch.float).dtype
torch.asarray(numpy.float32(2)).dtype
torch.as_tensor(numpy.float64(2)).dtype
torch.asarray(numpy.arange(6.0).reshape(2, 3),copy=False,dtype=torch.float)
torch.asarray(bytearray(8)).dtype
torch.asarray(bytearray(8),dtype=torch.int).shape
torch.Tensor(numpy.arange(6.0).reshape(2, 3))
torch.FloatTensor(numpy.arange(6.0).reshape(2, 3))
torch.DoubleTensor(numpy.arange(6.0).reshape(2, 3))
torch.ones(2).numpy()
torch.ones(2,dtype=torch.half).numpy().dtype
torch.ones(2,dtype=torch.complex64).numpy().dtype
torch.ones(2,dtype=torch.bool).numpy().dtype
torch.ones((),dtype=torch.bool).numpy()
torch.ones(2).expand(3,2).numpy().strides
torch.ones(2,3).t().numpy().strides
numpy.asarray(torch.ones(2))
numpy.asarray(torch.ones(2),dtype=numpy.float64)
numpy.array(torch.ones(2))
numpy.asarray([torch.ones(2),torch.ones(2)])
numpy.asarray([torch.tensor(1.),torch.tensor(2.)])
numpy.ones(2)*torch.ones(2)
torch.ones(2)*numpy.ones(2)
torch.ones(2)+numpy.ones(2)
torch.ones(2)+numpy.float64(1)
numpy.float64(1)+torch.ones(2)
numpy.float32(1)*torch.ones(2)
numpy.float64(2)*torch.ones(2,dtype=torch.int)
torch.ones(2)==numpy.ones(2)
numpy.ones(2)==torch.ones(2)
torch.ones(2)<numpy.float64(3)
numpy.float64(3)>torch.ones(2)
numpy.sin(torch.ones(2))
numpy.add(torch.ones(2),1)
numpy.exp(torch.ones(2)).__class__
numpy.isnan(torch.ones(2))
numpy.stack([torch.ones(2),torch.ones(2)]).__class__
torch.ones(2).__array__()
torch.ones(2).__array__(numpy.float64).dtype
torch.ones(2).__array__(dtype=numpy.int32).dtype
torch.ones(2).__array_priority__
torch.ones(2).__array_wrap__(numpy.ones(2))
torch.ones(2)@numpy.ones(2)
torch.add(torch.ones(2),numpy.ones(2))
torch.ones(3)[numpy.array([0,1])]
torch.ones(3)[numpy.int64(1)]
torch.tensor([[]]).shape
torch.tensor([[],[]]).shape
torch.tensor(())
torch.tensor([(1,2),(3,4)]).shape
torch.tensor(memoryview(b'ab'))
"""

RANDOM_CALLS = """\
torch.ones(-1)
torch.empty(-1)
torch.full((-1,),1)
torch.rand(-1)
torch.randn(2,-1)
torch.randint(3,(-1,))
torch.ones(2).new_zeros(-1)
torch.ones(2).new_ones(-1)
torch.empty_strided((-1,),(1,))
torch.randint(0,(2,))
torch.randint(5,3,(2,))
torch.randint(3,(2,),dtype=torch.bool)
torch.randint(3,(2,),dtype=torch.float)
torch.randint(3,(2,),dtype=torch.complex64)
torch.randint(300,(2,),dtype=torch.uint8)
torch.randint(3)
torch.rand(2,dtype=torch.int)
torch.randn(2,dtype=torch.int)
torch.rand(2,dtype=torch.complex64)
torch.randn(2,dtype=torch.complex64).dtype
torch.randperm(-1)
torch.randperm(3,dtype=torch.float)
torch.randperm(300,dtype=torch.uint8)
torch.randperm(3.)
torch.normal(0.,-1.,(2,))
torch.normal(torch.zeros(2),-torch.ones(2))
torch.normal(torch.zeros(2),torch.ones(3))
torch.normal(torch.zeros(2),torch.ones(2,dtype=torch.double)).dtype
torch.normal(torch.zeros(2,dtype=torch.int),torch.ones(2))
torch.normal(0,torch.ones(2,dtype=torch.int))
torch.normal(0.,1.,size=(2,)).shape
torch.normal(torch.zeros(2),1.).shape
torch.normal(torch.zeros(2)).shape
torch.normal(0.,1.)
torch.normal(torch.zeros(2,dtype=torch.complex64),1.).dtype
torch.normal(torch.zeros(2,1),torch.ones(1,3)).shape
torch.bernoulli(torch.tensor([2.]))
torch.bernoulli(torch.tensor([1]))
torch.bernoulli(torch.tensor([.5]),0.5).dtype
torch.bernoulli(torch.tensor([1]),0.5).dtype
torch.bernoulli(torch.ones(2),p=1.5)
torch.ones(2).bernoulli_(2)
torch.ones(2).bernoulli_(torch.tensor([.5,3]))
torch.ones(2).bernoulli_(torch.tensor([.5,.5,.5]))
torch.ones(2).bernoulli_(torch.tensor([1,0]))
torch.ones(2,dtype=torch.int).bernoulli_(0.5).dtype
torch.multinomial(torch.ones(3),0)
torch.multinomial(torch.ones(3),4)
torch.multinomial(torch.ones(3,dtype=torch.int),2)
torch.multinomial(torch.ones(2,2,2),2)
torch.multinomial(torch.tensor([-1.,1]),1)
torch.multinomial(torch.tensor([0.,0]),1)
torch.multinomial(torch.tensor([0.,0]),2,True)
torch.multinomial(torch.tensor([0.,1,0]),2)
torch.multinomial(torch.ones(0),1)
torch.multinomial(torch.ones(0,3),1).shape
torch.multinomial(torch.tensor(1.),1)
torch.poisson(torch.tensor([-1.]))
torch.poisson(torch.tensor([1]))
torch.rand_like(torch.ones(2,dtype=torch.int))
torch.rand_like(torch.ones(2,dtype=torch.int),dtype=torch.float).dtype
torch.randint_like(torch.ones(2),3).dtype
torch.randint_like(torch.ones(2),1,3,dtype=torch.int).dtype
torch.rand_like(torch.ones(2),requires_grad=True).requires_grad
torch.ones(2).uniform_(3,1)
torch.ones(2).uniform_(to=3).shape
torch.ones(2).random_(3,1)
torch.ones(2).random_(2.5)
torch.ones(2).random_(1,None).shape
torch.ones(2).random_(to=3).shape
torch.ones(2).exponential_(-1)
torch.ones(2).exponential_(lambd=2).shape
torch.ones(2).geometric_(2)
torch.ones(2,dtype=torch.int).geometric_(.5).dtype
torch.ones(2,dtype=torch.int).normal_()
torch.ones(2,dtype=torch.int).uniform_()
torch.ones(2,dtype=torch.int).exponential_()
torch.ones(2,dtype=torch.int).cauchy_()
torch.ones(2,dtype=torch.int).log_normal_()
torch.ones(2,dtype=torch.bool).geometric_(0.5)
torch.ones(2,dtype=torch.complex64).random_()
torch.ones(2,dtype=torch.complex64).uniform_()
torch.ones(2,dtype=torch.complex64).normal_().dtype
torch.ones(2).expand(3,2).normal_()
torch.binomial(torch.tensor([5.]),torch.tensor([.5])).dtype
torch.binomial(torch.tensor([5]),torch.tensor([.5]))
torch.manual_seed(2**64)
torch.manual_seed('a')
torch.Generator(device='cpu').device
torch.get_rng_state().dtype
torch.set_rng_state(torch.zeros(2))
torch.random.get_rng_state().shape
torch.rand(2,out=torch.ones(3,dtype=torch.double))
torch.rand(2,dtype=torch.float,out=torch.ones(3,dtype=torch.double))
torch.randint(3,(2,),out=torch.ones(2))
torch.randperm(3,out=torch.ones(2))
torch.Generator().manual_seed(5).initial_seed()
torch.Generator().manual_seed(1.5)
torch.Generator().get_state().shape
torch.Generator().set_state(torch.zeros(3))
torch.Generator().set_state(torch.zeros(3, dtype=torch.uint8))
torch.Generator().set_state(3)
torch.manual_seed(-1).initial_seed()
torch.Generator().get_offset()
torch.Generator() == torch.Generator()
"""


if __name__ == "__main__":
    require_reference()
    record("creation", CREATION)
    record("dtypes", DTYPES)
    record("numpy_sharing", NUMPY_SHARING)
    record("random_calls", RANDOM_CALLS)
