from jkg_client import CodeBlock, JupyterCodeExecutor, LocalJupyterServer

with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:
    print(
        executor.execute_code_blocks(
            code_blocks=[
                CodeBlock(language="python", code="print('Hello, World!')"),
            ]
        )
    )
