from . import comparison as comparison, pictures as pictures
from .contents import Contents as Contents, read as read
from .markdown import summary as summary
from .page import compare as compare, write as write
