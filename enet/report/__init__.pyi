from . import comparison as comparison, pictures as pictures
from .annotations import workflow_commands as workflow_commands
from .contents import SCHEMA as SCHEMA, Contents as Contents, read as read, signed as signed
from .markdown import summary as summary
from .page import compare as compare, write as write
from .terminal import in_short as in_short, table_head as table_head, table_lines as table_lines
